"""Image files of more than 8 bits a value: which they are, and their values, some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from presage.training.datasets.image_formats import open_image

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["deep_rows", "is_deep", "loses_bits"]

PIXELS_AT_A_TIME = 2**22
"""Of a large image that are worked on at once: copies of the whole would not fit beside it."""

_OTHER_ORDER = {"B": "L", "L": "B", "N": "B"}  # of bytes: read by the other one, the lower byte comes out
_COLOURS = ("RGB;16", "RGBA;16", "RGBX;16")

Values = npt.NDArray[Any]


def is_deep(image: Image.Image) -> bool:
    """Whether an image, not yet decoded, holds more than 8 bits a value, and Pillow gives them."""
    return _is_deep_grey(image) or _raw_colours(image) is not None


def loses_bits(image: Image.Image) -> bool:
    """Whether an image, not yet decoded, holds 16 bits a value of which only the upper eight can be had."""
    return any(raw.startswith("LA;16") for raw in _raw_modes(image))


def deep_rows(image: Image.Image, path: Path | None) -> Iterator[Values] | None:
    """The values of some rows (r, w) or (r, w, 3 or 4), from the top; None for an image of 8 bits.

    Of 16-bit colours Pillow decodes the upper byte of each, as it has no mode for them: it is asked for the lower byte
    too, by decoding the file once more in the other order of bytes.

    Args:
        image: as opened from `path`, not yet decoded; of an image without a path only grey ones are deep.
    """
    if _is_deep_grey(image):
        return (np.asarray(image.crop(box)) for box in _boxes(image))
    raw = _raw_colours(image) if path is not None else None
    if raw is None or path is None:
        return None
    return _of_halves(image, path, raw)


def _of_halves(image: Image.Image, path: Path, raw: str) -> Iterator[Values]:
    image.load()
    with open_image(path) as again:
        swapped = raw[:-1] + _OTHER_ORDER[raw[-1]]
        tiles = vars(again)
        tiles["tile"] = [tile._replace(args=_swapped(tile.args, raw, swapped)) for tile in tiles["tile"]]
        again.load()
        for box in _boxes(image):
            upper = np.asarray(image.crop(box)).astype(np.uint16) << 8
            yield upper | np.asarray(again.crop(box))


def _boxes(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    rows = max(1, PIXELS_AT_A_TIME // max(1, image.width))
    for top in range(0, image.height, rows):
        yield 0, top, image.width, min(top + rows, image.height)


def _is_deep_grey(image: Image.Image) -> bool:
    return image.mode == "F" or image.mode.startswith("I")


def _raw_colours(image: Image.Image) -> str | None:
    """How the file packs 16-bit colours, such as ``RGB;16B``; None where it holds none."""
    return next((raw for raw in _raw_modes(image) if raw[:-1] in _COLOURS), None)


def _raw_modes(image: Image.Image) -> Iterator[str]:
    for tile in getattr(image, "tile", ()):
        args = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if args and isinstance(args[0], str):
            yield args[0]


def _swapped(args: Any, raw: str, swapped: str) -> Any:
    if args == raw:
        return swapped
    return (swapped, *args[1:]) if isinstance(args, tuple) and args[0] == raw else args
