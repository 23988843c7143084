"""Arrays of images as they come, turned into pixels of 0 … 255: which shapes and values mean what."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from presage.training.datasets.image_dataset import refusal

__all__ = ["as_uint8", "are_shares", "squares", "with_channels"]

_ROWS_AT_ONCE = 4_096
_SLACK = 1e-3  # what rounding may add at either end of a range of floats

Array = npt.NDArray[Any]


def with_channels(images: Array, key: str, owner: object) -> Array:
    """(n, h, w) or (n, h, w, c) as (n, h, w, c).

    Args:
        key, owner: what an error calls the array, such as `x_train` of a file.

    Raises:
        InvalidDataset: other shapes.
    """
    if images.ndim == 3:
        return images[..., None]
    if images.ndim == 4 and images.shape[3] in (1, 3):
        return images
    first = images.ndim == 4 and images.shape[1] in (1, 3)
    hint = "These are channels-first: use `numpy.moveaxis(x, 1, 3)`." if first else ""
    raise refusal(key, owner, "have shape (n, h, w) or (n, h, w, c) with c = 1 or 3", images.shape, hint)


def squares(rows: Array, key: str, owner: object) -> Array:
    """Rows of pixels (n, f) as square images (n, s, s, c): grey where f = s·s, in colour where f = 3·s·s.

    Raises:
        InvalidDataset: other numbers of pixels.
    """
    n, pixels = rows.shape
    for channels in (1, 3):
        side = isqrt(pixels // channels)
        if pixels and side * side * channels == pixels:
            return rows.reshape(n, side, side, channels)
    rule = "have s·s features (grey) or 3·s·s (in colour), the pixels of an image of s x s"
    raise refusal(key, owner, rule, pixels, "Give images that are not square as (n, h, w) or (n, h, w, c).")


def as_uint8(
    images: Mapping[str, Array], owner: object, shares: bool | None = None
) -> dict[str, npt.NDArray[np.uint8]]:
    """Pixels as 0 … 255, of one or two arrays (n, h, w, c) by what errors call them.

    They are uint8, whole numbers in 0 … 255, booleans, or floats in [0, 1] or [0, 255]: which of the two is decided
    over all images of an array, and must be the same for both arrays.

    Args:
        shares: that floats are in [0, 1] (True) or [0, 255] (False), where it was decided before.

    Raises:
        InvalidDataset: other values.
    """
    found = {key: are_shares(array, key, owner) for key, array in images.items()}
    told = {key: value for key, value in found.items() if value is not None}
    if shares is None and len(set(told.values())) > 1:
        first, other = told
        got = " and ".join(f"up to {float(images[key].max()):g}" for key in told)
        raise refusal(other, owner, f"have the range of `{first}`, [0, 1] or [0, 255]", got)
    for key, value in told.items():
        if shares and not value:
            rule = "have the range of the images that were learned from, [0, 1]"
            raise refusal(key, owner, rule, f"up to {float(images[key].max()):g}")
    decided = shares if shares is not None else any(told.values())
    return {key: _scaled(array, decided) for key, array in images.items()}


def are_shares(images: Array, key: str, owner: object) -> bool | None:
    """Whether pixels are floats in [0, 1], and not in [0, 255]; None for whole numbers and booleans.

    Raises:
        InvalidDataset: values that are no pixels.
    """
    kind = images.dtype.kind
    if kind not in "biuf":
        raise refusal(key, owner, "hold numbers", f"type {images.dtype}")
    if images.dtype in (np.uint8, np.bool_):
        return None
    low, high = float(images.min()), float(images.max())
    if not np.isfinite([low, high]).all():
        bad = ~np.isfinite(images).all(axis=(1, 2, 3))
        raise refusal(key, owner, "hold no NaN or infinity", f"one in image {int(bad.argmax())}")
    if low < -_SLACK or high > 255 + _SLACK:
        ranges = "[0, 1] or [0, 255]" if kind == "f" else "0 … 255"
        raise refusal(key, owner, f"hold values in {ranges}", f"{low:g} to {high:g}")
    return high <= 1 + _SLACK if kind == "f" else None


def _scaled(images: Array, shares: bool) -> npt.NDArray[np.uint8]:
    if images.dtype == np.uint8:
        return images
    scale = 255.0 if images.dtype.kind == "b" or (shares and images.dtype.kind == "f") else 1.0
    out = np.empty(images.shape, dtype=np.uint8)
    for start in range(0, len(images), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        out[rows] = np.rint(np.clip(images[rows].astype(np.float32) * scale, 0, 255))
    return out
