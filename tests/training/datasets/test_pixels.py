"""Arrays become pixels of 0 … 255, or are refused; see `test_npz.py` for all that a file may hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from presage.errors import InvalidDataset
from presage.training.datasets.arrays import dataset_of_arrays
from presage.training.datasets.loading import load_dataset
from presage.training.datasets.pixels import as_uint8, depth_of, squares
from presage.training.datasets.value_range import Depth, ValueRange

_EIGHT = np.arange(256)


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
    for floats, expected in (
        (None, [0, 51, 255]),
        (ValueRange(0.0, 1.0), [0, 51, 255]),
        (ValueRange(0.0, 255.0), [0, 0, 1]),
    ):
        depth = Depth(floats=floats) if floats else None
        assert as_uint8({"X": images}, "here", depth)["X"].ravel().tolist() == expected
    assert depth_of({"X": images}, "here") == Depth(floats=ValueRange(0.0, 1.0))
    assert depth_of({"X": images * 200}, "here") == Depth(floats=ValueRange(0.0, 255.0))
    assert depth_of({"X": images.astype(np.uint8)}, "here") is None
    with pytest.raises(InvalidDataset, match=r"must have the range of the images that were learned from, \[0, 1\]"):
        as_uint8({"X": images * 200}, "here", Depth(floats=ValueRange(0.0, 1.0)))


def test_whole_numbers_of_a_depth_learned_before_are_scaled_by_it() -> None:
    learned = depth_of({"X": np.array([0, 4080]).reshape(1, 1, 2, 1)}, "here")
    dark = np.array([0, 16, 255], np.uint16).reshape(1, 1, 3, 1)
    assert as_uint8({"X": dark}, "here", learned)["X"].ravel().tolist() == [0, 1, 15]
    with pytest.raises(InvalidDataset, match=r"images that were learned from, 12 bits\. Got 0 to 60000"):
        as_uint8({"X": dark * 240 - (dark > 250) * 1200}, "here", learned)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (_EIGHT, _EIGHT),  # 8 bits, in any type
        (_EIGHT * 4, _EIGHT),  # 10 bits
        (_EIGHT * 16, _EIGHT),  # 12
        (_EIGHT * 64, _EIGHT),  # 14
        (_EIGHT * 257, _EIGHT),  # 16
        (_EIGHT * 2**12, _EIGHT),  # 20
        (_EIGHT * 2**24, _EIGHT),  # 32
        (_EIGHT.astype(float) * 257, _EIGHT),  # whole numbers as floats
        (_EIGHT / 255, _EIGHT),
        (_EIGHT / 127.5 - 1, _EIGHT),
        (30_000 + _EIGHT * 4, _EIGHT),  # far from zero: stretched
    ],
)
def test_values_are_scaled_by_what_they_hold(values: np.ndarray, expected: np.ndarray) -> None:
    images = {"X": values.reshape(1, 16, 16, 1)}
    np.testing.assert_array_equal(as_uint8(images, "here")["X"].ravel(), expected)


def test_a_value_range_survives_json() -> None:
    depth = Depth(ValueRange(0.0, 4095.0, 12), ValueRange(-1.0, 1.0))
    assert Depth.from_json(json.loads(json.dumps(depth.to_json()))) == depth
    with pytest.raises(ValueError, match="from a number to a larger one"):
        ValueRange.from_json({"low": 1, "high": 0, "bits": 0})


def test_arrays_set_a_fifth_aside_as_a_file_without_a_test_set_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (50, 4, 4, 1), dtype=np.uint8), np.arange(50) % 3
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y)
    made = dataset_of_arrays("a", x, y, ["a", "b", "c"])
    assert made.fingerprint == load_dataset(tmp_path / "a.npz").fingerprint
    assert (len(made.x_test), made.test_given, made.classes) == (10, False, ("a", "b", "c"))
