"""Images that hold next to nothing are warned about; ordinary ones are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from presage.training.datasets.arrays import dataset_of_arrays
from presage.training.datasets.dullness import dullness
from presage.training.datasets.loading import load_dataset

_RNG = np.random.default_rng(0)
_NOISE = _RNG.integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)


def _mostly(share: float, colour: tuple[int, ...]) -> np.ndarray:
    images = np.full((100, 10, 10, len(colour)), colour, np.uint8)
    rest = round((1 - share) * 100)
    images.reshape(100, 100, -1)[:, :rest] = _RNG.integers(0, 256, (100, rest, len(colour)))
    return images


@pytest.mark.parametrize(
    ("images", "line"),
    [
        (np.zeros((9, 8, 8, 1), np.uint8), "All images of `d` are alike."),
        (_NOISE[:1].repeat(9, axis=0), "All images of `d` are alike."),
        (_NOISE // 128, "The images of `d` hold only 2 levels, 0 … 1 of 0 … 255."),
        (_NOISE // 16 * 17, "The images of `d` hold only 16 levels, 0 … 255 of 0 … 255."),
        (
            np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1).repeat(8, 1).repeat(8, 2).repeat(3, 3),
            "Of the images of `d`, 100.0% are of one colour each.",
        ),
        (_mostly(0.99, (255,)), "Of all pixels of `d`, 99.0% have one colour (255)."),
        (_mostly(0.99, (10, 20, 30)), "Of all pixels of `d`, 99.0% have one colour (10, 20, 30)."),
    ],
)
def test_what_holds_next_to_nothing_is_said(images: np.ndarray, line: str) -> None:
    assert [said.removesuffix(" Check how they were saved.") for said in dullness(images, "d")] == [line]


@pytest.mark.parametrize("images", [_NOISE, _NOISE // 16 * 17 - (_NOISE == 255), _mostly(0.9, (0,)), _NOISE[:1]])
def test_what_holds_enough_is_not(images: np.ndarray) -> None:
    assert dullness(images, "d") == ()


def test_every_way_of_loading_tells_it(tmp_path: Path) -> None:
    x, y = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2
    np.savez(tmp_path / "black.npz", x_train=x, y_train=y)
    expected = ("All images of `black` are alike. Check how they were saved.",)
    assert load_dataset(tmp_path / "black.npz").warnings == expected
    assert dataset_of_arrays("black", x[..., None], y, ["a", "b"]).warnings == expected
    assert load_dataset("digits").warnings == ()
