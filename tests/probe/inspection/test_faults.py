"""Faults of single images, with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from presage.probe.inspection.faults import (
    grey_of,
    odd_aspects,
    odd_sizes,
    one_colour_share,
    sharpness,
    tiny,
    unusually_low,
)

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


def test_an_image_of_a_few_pixels_is_neither_sharp_nor_blurred() -> None:
    assert np.isnan(sharpness(np.arange(9, dtype=np.float32).reshape(3, 3) * 20))


def test_sharpness_is_the_variance_of_the_laplacian_over_that_of_the_image() -> None:
    board = (np.indices((8, 8)).sum(axis=0) % 2).astype(np.float32) * 100
    assert sharpness(board) == pytest.approx(400**2 / 50**2)  # ±400 at each pixel; 0 or 100
    assert sharpness(board * 2) == pytest.approx(sharpness(board))  # contrast does not matter
    ramp = np.arange(64, dtype=np.float32).reshape(8, 8)
    assert sharpness(ramp) == pytest.approx(0, abs=1e-6)
    assert np.isnan(sharpness(np.full((8, 8), 7, np.float32)))
    assert np.isnan(sharpness(board[:2]))


def test_blurred_images_are_the_least_sharp() -> None:
    images = [Image.fromarray(_RNG.integers(0, 256, (40, 40), dtype=np.uint8)) for _ in range(30)]
    images[4] = images[4].filter(ImageFilter.GaussianBlur(2))
    images[17] = images[17].filter(ImageFilter.GaussianBlur(4))
    sharp = np.array([sharpness(grey_of(np.asarray(image)[..., None])) for image in images] + [np.nan])
    assert unusually_low(sharp).tolist() == [17, 4]
    assert unusually_low(sharp[:4]).tolist() == []
    assert unusually_low(np.array([])).tolist() == []


def test_odd_sizes_and_proportions() -> None:
    sizes = np.array([[100, 80]] * 20 + [[110, 75]] * 20)
    assert odd_sizes(sizes).tolist() == odd_aspects(sizes).tolist() == []
    sizes[3], sizes[7], sizes[9] = (1000, 800), (80, 100), (20, 20)
    sizes[11] = (400, 20)
    assert odd_sizes(sizes).tolist() == [3, 9]
    assert odd_aspects(sizes).tolist() == [11]
    assert tiny(sizes, 64).tolist() == [9]
    assert tiny(sizes, 40).tolist() == []
