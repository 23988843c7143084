"""Arrays of images as they come, turned into pixels of 0 … 255: which shapes and values mean what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from presage.training.datasets.refusing import refusal
from presage.training.datasets.value_range import Depth, Extremes, ValueRange, extremes, value_range

__all__ = ["as_uint8", "depth_of", "squares", "with_channels"]

_ROWS_AT_ONCE = 4_096
_BLACK_AND_WHITE = ValueRange(0.0, 1.0)

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
    if images.ndim == 4 and images.shape[3] == 4:
        hint = "Of red, green, blue and transparency, give the first three: `x[..., :3]`."
    if images.ndim == 2:
        hint = _hint_for_rows(images.shape[1])
    raise refusal(key, owner, "have shape (n, h, w) or (n, h, w, c) with c = 1 or 3", images.shape, hint)


def _hint_for_rows(pixels: int) -> str:
    """What to type for images that were flattened to so many numbers."""
    side = isqrt(pixels)
    if pixels and side * side == pixels:
        return f"Rows of {pixels} are grey images of {side} x {side}: use `x.reshape(-1, {side}, {side})`."
    side = isqrt(pixels // 3)
    if pixels and 3 * side * side == pixels:
        return (
            f"Rows of {pixels} are images of {side} x {side} in colour: use `x.reshape(-1, {side}, {side}, 3)`, or, "
            f"where all of red comes first, `x.reshape(-1, 3, {side}, {side}).transpose(0, 2, 3, 1)`."
        )
    return "Give rows of pixels the height and width that their images have: `x.reshape(-1, h, w)`."


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
    images: Mapping[str, Array], owner: object, depth: Depth | None = None
) -> dict[str, npt.NDArray[np.uint8]]:
    """Pixels as 0 … 255, of some arrays (n, h, w, c) by what errors call them.

    uint8 stays as it is, booleans are black and white. Other whole numbers, and floats, are scaled by what they hold
    (`presage.training.datasets.value_range`): whole numbers over all arrays, floats alike in each.

    Args:
        depth: how they are scaled, where it was decided before.

    Raises:
        InvalidDataset: other values, or some beyond the range that was decided before.
    """
    if depth is not None and depth.floats is not None and depth.floats.is_stretched and _are_floats(images):
        held: Depth | None = depth  # of no known range by themselves
    else:
        held = depth_of(images, owner)
    if depth is not None and held is not None:
        for key, array in images.items():
            _check_within(array, key, owner, depth)
        held = Depth(depth.whole or held.whole, depth.floats or held.floats)
    return {key: _scaled(array, held) for key, array in images.items()}


def _are_floats(images: Mapping[str, Array]) -> bool:
    return all(array.dtype.kind == "f" and bool(np.isfinite(array).all()) for array in images.values())


def depth_of(images: Mapping[str, Array], owner: object) -> Depth | None:
    """How the arrays are scaled; None where all are uint8 or booleans.

    Raises:
        InvalidDataset: values that are no pixels.
    """
    found = [_extremes(array, key, owner) for key, array in images.items() if _is_deep(array, key, owner)]
    whole, floats = [item for item in found if not item.floats], [item for item in found if item.floats]
    if not found:
        return None
    ranges = {item.where: value_range([item], owner) for item in floats}
    if len({held.high > 1 for held in ranges.values()}) > 1:
        first, other = list(ranges)[:2]
        got = " and ".join(f"up to {item.high:g}" for item in floats)
        raise refusal(other, owner, f"have the range of `{first}`, {ranges[first]}", got)
    return Depth(value_range(whole, owner) if whole else None, value_range(floats, owner) if floats else None)


def _check_within(images: Array, key: str, owner: object, depth: Depth) -> None:
    if not _is_deep(images, key, owner):
        return
    found = _extremes(images, key, owner)
    told = depth.floats if found.floats else depth.whole
    if told is not None and not told.holds(found.low, found.high):
        rule = f"have the range of the images that were learned from, {told}"
        raise refusal(key, owner, rule, f"{found.low:g} to {found.high:g}")


def _is_deep(images: Array, key: str, owner: object) -> bool:
    if images.dtype.kind not in "biuf":
        raise refusal(key, owner, "hold numbers", f"type {images.dtype}")
    return images.dtype not in (np.uint8, np.bool_)


def _extremes(images: Array, key: str, owner: object) -> Extremes:
    found = extremes(_parts(images), key)
    if not np.isfinite([found.low, found.high]).all():
        row = next(row for row, image in enumerate(images) if not np.isfinite(image).all())
        raise refusal(key, owner, "hold no NaN or infinity", f"one in image {row}")
    return found


def _parts(images: Array) -> Iterator[Array]:
    for start in range(0, len(images), _ROWS_AT_ONCE):
        yield images[start : start + _ROWS_AT_ONCE]


def _scaled(images: Array, depth: Depth | None) -> npt.NDArray[np.uint8]:
    if images.dtype == np.uint8:
        return images
    out = np.empty(images.shape, dtype=np.uint8)
    for start, part in zip(range(0, len(images), _ROWS_AT_ONCE), _parts(images), strict=True):
        told = _BLACK_AND_WHITE if images.dtype == np.bool_ or depth is None else depth.of(part)
        out[start : start + len(part)] = told.to_uint8(part)
    return out
