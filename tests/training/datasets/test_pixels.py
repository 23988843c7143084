"""Arrays become pixels of 0 … 255, or are refused; see `test_npz.py` for all that a file may hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from presage.errors import InvalidDataset
from presage.training.datasets.arrays import dataset_of_arrays
from presage.training.datasets.loading import load_dataset
from presage.training.datasets.pixels import are_shares, as_uint8, squares


@pytest.mark.parametrize(("features", "shape"), [(1, (1, 1, 1)), (3, (1, 1, 3)), (64, (8, 8, 1)), (192, (8, 8, 3))])
def test_rows_are_squares_in_grey_or_colour(features: int, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, *shape))
    np.testing.assert_array_equal(squares(images.reshape(5, features), "X", "here"), images)


@pytest.mark.parametrize("features", [0, 2, 5, 10, 65])
def test_rows_that_are_no_squares_are_refused(features: int) -> None:
    with pytest.raises(InvalidDataset, match=rf"The `X` of `here` must have s·s features .* Got {features}\."):
        squares(np.zeros((2, features)), "X", "here")


def test_floats_mean_what_was_decided_before() -> None:
    images = np.array([0.0, 0.2, 1.0]).reshape(1, 1, 3, 1)
    for shares, expected in ((None, [0, 51, 255]), (True, [0, 51, 255]), (False, [0, 0, 1])):
        assert as_uint8({"X": images}, "here", shares)["X"].ravel().tolist() == expected
    assert are_shares(images, "X", "here") is True
    assert are_shares(images * 200, "X", "here") is False
    assert are_shares(images.astype(np.uint8), "X", "here") is None
    with pytest.raises(InvalidDataset, match=r"must have the range of the images that were learned from, \[0, 1\]"):
        as_uint8({"X": images * 200}, "here", True)


def test_arrays_set_a_fifth_aside_as_a_file_without_a_test_set_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (50, 4, 4, 1), dtype=np.uint8), np.arange(50) % 3
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y)
    made = dataset_of_arrays("a", x, y, ["a", "b", "c"])
    assert made.fingerprint == load_dataset(tmp_path / "a.npz").fingerprint
    assert (len(made.x_test), made.test_given, made.classes) == (10, False, ("a", "b", "c"))
