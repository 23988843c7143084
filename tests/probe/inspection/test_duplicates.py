"""Duplicates among images: those planted are found, and those that only look alike are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from presage.probe.inspection import duplicates as module
from presage.probe.inspection.duplicates import Group, duplicates

_RNG = np.random.default_rng(0)


def _photographs(n: int, channels: int = 3, side: int = 32) -> np.ndarray:
    """(n, side, side, c): blots of any colour with some noise."""
    images = []
    for _ in range(n):
        small = Image.fromarray(_RNG.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        image = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC)).astype(int)
        images.append(np.clip(image + _RNG.integers(-15, 16, image.shape), 0, 255)[..., :channels])
    return np.stack(images).astype(np.uint8)


def _jpeg(image: np.ndarray) -> np.ndarray:
    content = io.BytesIO()
    Image.fromarray(image if image.shape[2] == 3 else image[..., 0]).save(content, "JPEG", quality=60)
    return np.asarray(Image.open(content)).reshape(image.shape)


@pytest.mark.parametrize("channels", [1, 3])
def test_copies_are_exact_and_changed_copies_near(channels: int) -> None:
    x = _photographs(60, channels)
    x[10] = x[3]
    x[40] = _jpeg(x[3])
    x[20] = np.clip(x[5] * 0.7 + 30, 0, 255)
    x[21] = np.clip(x[6] + _RNG.normal(0, 6, x[6].shape), 0, 255)
    x[50] = x[51] = x[52]
    assert duplicates([x]) == (
        Group((3, 10, 40), False),
        Group((5, 20), False),
        Group((6, 21), False),
        Group((50, 51, 52), True),
    )


def test_rows_count_through_all_parts() -> None:
    x, y = _photographs(30), _photographs(20)
    y[7] = x[4]
    assert duplicates([x, y]) == (Group((4, 37), True),)


def test_images_of_one_colour_are_the_same_only_pixel_by_pixel() -> None:
    x = _photographs(30)
    x[1], x[2], x[3] = 10, 200, 10
    assert duplicates([x]) == (Group((1, 3), True),)


def test_where_all_images_are_alike_what_is_near_is_nearer() -> None:
    base = _photographs(1)[0].astype(int)
    x = np.clip(base + _RNG.normal(0, 40, (80, *base.shape)), 0, 255).astype(np.uint8)  # one scene, much noise
    x[9] = np.clip(x[2].astype(int) + 3, 0, 255)
    assert duplicates([x]) == (Group((2, 9), False),)


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    x = _photographs(70)
    x[69], x[35] = _jpeg(x[0]), _jpeg(x[34])
    whole = duplicates([x])
    monkeypatch.setattr(module, "_ROWS", 8)
    monkeypatch.setattr(module, "_COLUMNS", 16)
    seen: list[tuple[int, int]] = []
    assert duplicates([x], lambda done, of: seen.append((done, of))) == whole
    assert [group.rows for group in whole] == [(0, 69), (34, 35)]
    assert seen[-1] == (70, 70)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_images(n: int) -> None:
    x = _photographs(n)
    assert duplicates([x]) == ()
    assert duplicates([x, x[:1]]) == (Group((0, n), True),)
