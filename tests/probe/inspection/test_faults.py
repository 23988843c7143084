"""Faults of single images, with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from presage.probe.inspection.faults import odd_aspects, odd_sizes, one_colour_share, tiny, unusually_low
from presage.probe.inspection.sharpness import LEVELS, grey_of, sharpness

_RNG = np.random.default_rng(0)


def test_share_of_one_colour() -> None:
    image = np.full((10, 10, 3), (10, 200, 30), np.uint8)
    assert one_colour_share(image) == 1
    image[0, :5] = 250
    assert one_colour_share(image) == pytest.approx(0.95)
    image[1:3] += 3
    assert one_colour_share(image) == pytest.approx(0.95)
    image[1:3, :, 2] += 1
    assert one_colour_share(image) == pytest.approx(0.75)


def test_blurred_images_are_the_least_sharp() -> None:
    images = [Image.fromarray(_RNG.integers(0, 256, (40, 40), dtype=np.uint8)) for _ in range(30)]
    images[4] = images[4].filter(ImageFilter.GaussianBlur(2))
    images[17] = images[17].filter(ImageFilter.GaussianBlur(4))
    sharp = np.array([sharpness(grey_of(np.asarray(image)[..., None])) for image in images] + [[np.nan] * LEVELS])
    rows, told = unusually_low(sharp)
    assert rows.tolist() == [17, 4]
    np.testing.assert_allclose(told[:, 0], sharp[[17, 4], 0])
    np.testing.assert_allclose(told[:, 1], np.nanmedian(sharp[:, 0]))
    assert unusually_low(sharp[:4])[0].tolist() == []
    assert unusually_low(np.zeros((0, LEVELS)))[0].tolist() == []


def test_a_level_that_few_images_are_large_enough_for_tells_nothing() -> None:
    sharp = np.full((9, LEVELS), np.nan)
    sharp[:, 0] = 0.5
    sharp[:3, 1] = 0.5, 0.5, 0.01
    assert unusually_low(sharp)[0].tolist() == []


def test_odd_sizes_and_proportions() -> None:
    sizes = np.array([[100, 80]] * 20 + [[110, 75]] * 20)
    assert odd_sizes(sizes).tolist() == odd_aspects(sizes).tolist() == []
    sizes[3], sizes[7], sizes[9] = (1000, 800), (80, 100), (20, 20)
    sizes[11] = (400, 20)
    assert odd_sizes(sizes).tolist() == [3, 9]
    assert odd_aspects(sizes).tolist() == [11]
    assert tiny(sizes, 64).tolist() == [9]
    assert tiny(sizes, 40).tolist() == []
