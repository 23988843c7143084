"""Sharpness, by hand and beside what it is to find: blur of every radius, under noise too, and no mere smoothness."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFilter

from presage.probe.inspection.faults import unusually_low
from presage.probe.inspection.sharpness import LEVELS, grey_of, sharpness


def test_sharpness_is_what_another_blur_takes_of_the_differences() -> None:
    columns = np.zeros((8, 8), np.float32)
    columns[:, 4:] = 100
    # one step of 100 at each row; a mean of 5 pixels spreads it over 5 steps of 20, of which 3 lie within
    assert sharpness(columns)[0] == pytest.approx(0.8)
    assert sharpness(columns.T * 2 + 9)[0] == pytest.approx(0.8)  # direction and contrast do not matter
    board = (np.indices((10, 10)).sum(axis=0) % 2).astype(np.float32) * 100
    assert sharpness(board)[0] == pytest.approx(0.8)  # steps of 100 become steps of 20
    ramp = np.arange(64, dtype=np.float32).reshape(8, 8)
    assert sharpness(ramp)[0] == pytest.approx(0, abs=1e-6)


def test_small_and_empty_images_are_neither_sharp_nor_blurred() -> None:
    assert np.isnan(sharpness(np.full((80, 80), 7, np.float32))).all()
    assert np.isnan(sharpness(np.arange(9, dtype=np.float32).reshape(3, 3) * 20)).all()
    drawn = np.random.default_rng(0).uniform(0, 255, (300, 127)).astype(np.float32)
    assert np.isfinite(sharpness(drawn)).tolist() == [True, True, False]
    assert np.isfinite(sharpness(drawn[:, :63])).tolist() == [True, False, False]


def test_grey_is_not_rounded() -> None:
    assert grey_of(np.array([[[1, 0, 0]]], np.uint8))[0, 0] == pytest.approx(0.299)
    assert grey_of(np.array([[[7]]], np.uint8))[0, 0] == 7


def _scene(rng: np.random.Generator) -> Image.Image:
    """Figures on a ground that gets lighter, 140 x 120 pixels."""
    y, x = np.mgrid[:120, :140]
    tint = rng.uniform(0.4, 1, 3)
    image = Image.fromarray(((60 + x * rng.uniform(0, 1) + y * rng.uniform(0, 0.3))[..., None] * tint).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(3, 12)):
        left, top = rng.integers(0, 110, 2).tolist()
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape((left, top, left + rng.integers(5, 60), top + rng.integers(5, 60)), fill=tuple(rng.integers(0, 255, 3)))
    return image


def _seen(image: Image.Image, noise: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    pixels = np.asarray(image).astype(float)
    values = np.clip(pixels + rng.normal(0, noise, pixels.shape), 0, 255)
    return sharpness(grey_of(values.round().astype(np.uint8)))


@pytest.mark.parametrize(("radius", "noise"), [(1.5, 0), (2, 0), (5, 0), (8, 0), (4, 5), (5, 5)])
def test_a_blurred_picture_is_found_at_every_radius_and_under_noise(radius: float, noise: float) -> None:
    rng = np.random.default_rng(1)
    scenes = [_scene(rng) for _ in range(40)]
    scenes[11] = scenes[11].filter(ImageFilter.GaussianBlur(radius))
    assert unusually_low(np.array([_seen(scene, noise, rng) for scene in scenes]))[0].tolist() == [11]


def test_levels_are_as_many_as_they_are_said_to_be() -> None:
    assert sharpness(np.eye(300, dtype=np.float32) * 255).shape == (LEVELS,)
