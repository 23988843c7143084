"""What a dataset is called in the database: a hash of its content."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt

__all__ = ["fingerprint"]

_FORMAT = "presage-dataset-1"  # part of the hash: a change of what is hashed changes every fingerprint


def fingerprint(
    x_train: npt.NDArray[np.uint8],
    y_train: npt.NDArray[np.integer],
    x_test: npt.NDArray[np.uint8],
    y_test: npt.NDArray[np.integer],
    validation: npt.NDArray[np.integer] | None = None,
) -> str:
    """SHA-256 (64 hex digits) of pixels, shapes, labels and which images are the test set, or the validation set of the
    source's own.

    The same for any memory layout and any integer type of the labels; names are not part of it. The order of the
    images is, because a seeded split depends on it.

    Args:
        x_train: training images, (n, h, w, c) uint8.
        y_train: their labels, (n,).
        x_test: test images, (n, h, w, c) uint8.
        y_test: their labels, (n,).
        validation: rows of `x_train` that are the source's own validation images; None where it has none.
    """
    digest = hashlib.sha256()
    shapes = {"train": list(x_train.shape), "test": list(x_test.shape)}
    digest.update(json.dumps([_FORMAT, shapes], sort_keys=True).encode())
    for images, labels in ((x_train, y_train), (x_test, y_test)):
        digest.update(np.ascontiguousarray(images, dtype=np.uint8).data)
        digest.update(np.ascontiguousarray(labels, dtype="<i8").data)
    if validation is not None:
        digest.update(b"validation" + np.ascontiguousarray(validation, dtype="<i8").tobytes())
    return digest.hexdigest()
