"""`ImageDataset`: what it refuses, and what its fingerprint depends on."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from presage.errors import InvalidDataset
from presage.training.datasets.image_dataset import ImageDataset


def _made(**changes: object) -> ImageDataset:
    x = np.arange(6 * 2 * 3, dtype=np.uint8).reshape(6, 2, 3, 1)
    fields = {
        "name": "made",
        "x_train": x[:4],
        "y_train": np.array([0, 1, 0, 1]),
        "x_test": x[4:],
        "y_test": np.array([1, 0]),
        "classes": ("a", "b"),
    }
    return ImageDataset(**{**fields, **changes})  # type: ignore[arg-type]


def test_shape_is_channels_first() -> None:
    assert _made().shape == (1, 2, 3)


def test_fingerprint_is_the_sha256_of_shapes_pixels_and_labels() -> None:
    text = b'["presage-dataset-1", {"test": [2, 2, 3, 1], "train": [4, 2, 3, 1]}]'
    labels = np.array([0, 1, 0, 1], "<i8").tobytes(), np.array([1, 0], "<i8").tobytes()
    content = text + bytes(range(24)) + labels[0] + bytes(range(24, 36)) + labels[1]
    assert _made().fingerprint == hashlib.sha256(content).hexdigest()


def test_fingerprint_ignores_name_layout_and_label_type() -> None:
    dataset = _made()
    fortran = np.asfortranarray(dataset.x_train)
    other = _made(
        name="other", x_train=fortran, y_train=dataset.y_train.astype(np.uint8), classes=("c", "d"), test_given=False
    )
    assert other.fingerprint == dataset.fingerprint
    strided = np.repeat(dataset.x_test, 2, axis=1)[:, ::2]
    assert replace(dataset, x_test=strided).fingerprint == dataset.fingerprint


def test_fingerprint_tells_contents_apart() -> None:
    dataset = _made()
    brighter = dataset.x_test + np.uint8(1)
    others = [
        replace(dataset, x_test=brighter),
        replace(dataset, y_train=np.array([1, 0, 1, 0])),
        replace(dataset, y_test=np.array([0, 1])),
        replace(dataset, x_train=dataset.x_train[::-1]),
        replace(dataset, x_train=dataset.x_train.transpose(0, 2, 1, 3), x_test=dataset.x_test.transpose(0, 2, 1, 3)),
        _made(x_train=dataset.x_train[:3], y_train=np.array([0, 1, 0])),
    ]
    assert len({one.fingerprint for one in [dataset, *others]}) == 1 + len(others)


def test_moving_an_image_from_training_to_test_changes_the_fingerprint() -> None:
    x, y = np.zeros((6, 1, 1, 1), np.uint8), np.array([0, 1, 0, 1, 0, 1])
    a, b = (ImageDataset("m", x[:n], y[:n], x[n:], y[n:], ("a", "b")) for n in (2, 4))
    assert a.fingerprint != b.fingerprint


def test_fingerprint_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = _made()
    first = dataset.fingerprint
    monkeypatch.setattr("presage.training.datasets.image_dataset.fingerprint", lambda *_: pytest.fail("computed again"))
    assert dataset.fingerprint is first


def test_arrays_are_contiguous_and_labels_int64() -> None:
    dataset = _made(
        x_train=np.zeros((4, 3, 2, 1), np.uint8).transpose(0, 2, 1, 3), y_train=np.array([0, 1, 0, 1], "u1")
    )
    assert dataset.x_train.flags.c_contiguous
    assert dataset.y_train.dtype == np.int64


_X = np.zeros((4, 2, 3, 1), np.uint8)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"x_train": _X[..., 0]},
            "The `x_train` of `made` must have shape (n, h, w, c) with c = 1 or 3. Got (4, 2, 3).",
        ),
        ({"x_train": np.zeros((4, 2, 3, 2), np.uint8)}, "c = 1 or 3. Got (4, 2, 3, 2)."),
        ({"x_train": _X.astype(np.float32)}, "The `x_train` of `made` must be uint8. Got float32."),
        ({"x_test": _X[:0], "y_test": np.zeros(0, int)}, "The `x_test` of `made` must hold at least one image"),
        ({"y_train": np.array([0, 1, 0])}, "must have one label for each of the 4 images of `x_train`. Got 3."),
        ({"y_train": np.array([0.0, 1, 0, 1])}, "must be a vector of whole numbers. Got shape (4,) of float64."),
        (
            {"x_test": np.zeros((2, 3, 3, 1), np.uint8)},
            "have images of the shape of `x_train`, (2, 3, 1). Got (3, 3, 1).",
        ),
        ({"y_train": np.array([0, 1, 0, 2])}, "The `y_train` of `made` must lie in 0 … 1. Got 2."),
        ({"y_test": np.array([0, -1])}, "The `y_test` of `made` must lie in 0 … 1. Got -1."),
        ({"y_train": np.zeros(4, int)}, "must hold every class. Got no image of class 'b'."),
        ({"classes": ("a",)}, "The `classes` of `made` must number 2 to 1,000. Got 1."),
        ({"classes": tuple(map(str, range(1001)))}, "must number 2 to 1,000. Got 1001."),
        (
            {"y_train": np.array([0, 1, 0, 0]), "y_test": np.array([0, 0])},
            "The `classes` of `made` must have at least 2 images each. Got 1 of class 'b'.",
        ),
    ],
)
def test_broken_rules_are_named(changes: dict[str, object], line: str) -> None:
    with pytest.raises(InvalidDataset) as caught:
        _made(**changes)
    assert line in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_class_with_one_image_to_train_on_and_one_to_test_on_is_allowed() -> None:
    assert _made(y_train=np.array([0, 1, 0, 0])).classes == ("a", "b")


def test_names_that_are_no_text_can_be_stored() -> None:
    dataset = _made(classes=("caf\udce9", "b"))
    assert dataset.classes == ("caf\\udce9", "b")
