"""One image file, or one Pillow image, as a small square of pixels."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from presage.training.datasets.deep_image import PIXELS_AT_A_TIME, deep_rows, is_deep, loses_bits
from presage.training.datasets.image_formats import open_image
from presage.training.datasets.value_range import SIXTEEN_BITS, Depth, Extremes, extremes

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MOST_PIXELS", "Header", "read_extremes", "read_header", "read_pixels", "read_reduced", "to_pixels"]

MOST_PIXELS = 2**26
"""Larger images are refused before they are decoded: a few kilobytes can claim to be gigabytes of pixels."""

_PIXELS_AT_ONCE = 2**25  # that all threads together decode; a larger image is decoded alone

_GREY = frozenset(("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F"))

Pixels = npt.NDArray[np.uint8]
Note = Callable[[str], object]
"""Told what of an image is left out: a kind of `presage.training.datasets.left_out.LeftOut`."""


@dataclass(frozen=True)
class Header:
    """What an image file says of itself.

    Attributes:
        width, height: in pixels, upright or not.
        colour: whether red, green and blue can differ.
        deep: whether it holds more than 8 bits a value.
    """

    width: int
    height: int
    colour: bool
    deep: bool


def read_header(path: Path) -> Header:
    """What the file says of itself, without decoding.

    Raises:
        Exception: of any kind Pillow may raise; ValueError for more than `MOST_PIXELS`.
    """
    with _opened(path) as image:
        return Header(image.width, image.height, is_colour(image), is_deep(image))


def read_extremes(path: Path, where: str) -> Extremes | None:
    """The extremes of the values of an image of more than 8 bits, transparency apart; None for any other.

    Raises:
        Exception: of any kind Pillow may raise.
    """
    with _opened(path) as image, _room(image):
        rows = deep_rows(image, path)
        return None if rows is None else extremes((part[..., :3] if part.ndim == 3 else part for part in rows), where)


def read_pixels(
    path: Path, side: int | None, colour: bool, depth: Depth | None = None, note: Note = lambda kind: None
) -> Pixels:
    """The image as (side, side, 3 if `colour` else 1) uint8; of an animation, the first frame. As `to_pixels`.

    Args:
        note: told of frames and transparency that are left out.

    Raises:
        Exception: of any kind Pillow may raise; ValueError for more than `MOST_PIXELS`.
    """
    with _opened(path) as image:
        if side is not None:
            image.draft("RGB" if colour else "L", (2 * side, 2 * side))  # JPEG decodes at reduced size, much faster
        if loses_bits(image):
            note("lower bits")
        with _room(image):
            pixels = _to_pixels(image, path, side, colour, depth or Depth(), note)
        if _has_more_frames(image):
            note("frames")
        return pixels


def read_reduced(path: Path, most_side: int, depth: Depth | None = None) -> Pixels:
    """The image in its own proportions, reduced until its longer side is at most `most_side`, (h, w, 3 or 1) uint8: of
    a JPEG its luminance alone.

    Raises:
        Exception: of any kind Pillow may raise; ValueError for more than `MOST_PIXELS`.
    """
    from PIL import Image

    with _opened(path) as image:
        image.draft("L", (most_side, most_side))
        with _room(image):
            pixels = _to_pixels(image, path, None, is_colour(image), depth or Depth(), lambda kind: None)
    reduced = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    reduced.thumbnail((most_side, most_side), Image.Resampling.BOX)
    return np.asarray(reduced, dtype=np.uint8).reshape(reduced.height, reduced.width, -1)


def is_colour(image: Image.Image) -> bool:
    """Whether red, green and blue can differ; a palette of greys is grey."""
    if image.mode == "P":
        palette = np.array(image.getpalette() or [], dtype=np.uint8).reshape(-1, 3)
        return bool((palette != palette[:, :1]).any())
    return image.mode not in _GREY


def to_pixels(image: Image.Image, side: int | None, colour: bool, depth: Depth | None = None) -> Pixels:
    """(side, side, 3 or 1) uint8: upright, over white where transparent, 8 bits by `depth`, resized antialiased.

    Other proportions are squeezed into the square, so that nothing at the border is lost. Without a side the image
    keeps its own size, (h, w, 3 or 1).

    Raises:
        ValueError: pixels of floating point, unless `depth` tells their range.
    """
    return _to_pixels(image, None, side, colour, depth or Depth(), lambda kind: None)


def _to_pixels(
    image: Image.Image, path: Path | None, side: int | None, colour: bool, depth: Depth, note: Note
) -> Pixels:
    from PIL import Image, ImageOps

    rows = deep_rows(image, path)
    if rows is not None:
        flat = _eight_bits(rows, image, depth)
        flat.getexif().update(image.getexif())  # which side is up
        image = flat
    ImageOps.exif_transpose(image, in_place=True)
    mode = "RGB" if colour else "L"
    if image.has_transparency_data:
        image = _over_white(image, mode, note)
    if image.mode != mode:
        image = image.convert(mode)
    if side is not None and image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR)  # Pillow widens the filter as it reduces
    return np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, -1)


def _eight_bits(rows: Iterable[npt.NDArray[np.generic]], like: Image.Image, depth: Depth) -> Image.Image:
    """An image of deep values, some rows at a time; of four channels the last is transparency, of 16 bits."""
    from PIL import Image

    parts = []
    for values in rows:
        part = depth.of(values).to_uint8(values)
        if values.ndim == 3 and values.shape[2] == 4:
            part[..., 3] = SIXTEEN_BITS.to_uint8(values[..., 3])
        parts.append(Image.fromarray(part))
    if len(parts) == 1:
        return parts[0]
    out, top = Image.new(parts[0].mode, like.size), 0
    for piece in parts:
        out.paste(piece, (0, top))
        top += piece.height
    return out


def _over_white(image: Image.Image, mode: str, note: Note) -> Image.Image:
    """The image on a white ground, in `mode`, some rows at a time: copies of a large one would not fit."""
    from PIL import Image

    out = Image.new(mode, image.size)
    rows = max(1, PIXELS_AT_A_TIME // max(1, image.width))
    seen_through = False
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        part = image.crop(box).convert("RGBA")
        least = part.getchannel("A").getextrema()[0]
        seen_through = seen_through or (isinstance(least, int | float) and least < 255)
        opaque = Image.new("RGBA", part.size, "white")
        opaque.alpha_composite(part)
        out.paste(opaque.convert(mode), box)
    if seen_through:
        note("transparency")
    return out


def _has_more_frames(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # of a second frame that is damaged nothing is wanted
        return True


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image, not yet decoded.

    Raises:
        Exception: of any kind Pillow may raise; ValueError for more than `MOST_PIXELS`.
    """
    with open_image(path) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels are more than {MOST_PIXELS:,}")
        yield image


_free = _PIXELS_AT_ONCE
_freed = threading.Condition()


@contextmanager
def _room(image: Image.Image) -> Iterator[None]:
    """Wait until there is memory to decode an image beside those that other threads decode."""
    global _free  # noqa: PLW0603 - one memory for all threads
    wanted = min(image.width * image.height, _PIXELS_AT_ONCE)
    with _freed:
        _freed.wait_for(lambda: _free >= wanted)
        _free -= wanted
    try:
        yield
    finally:
        with _freed:
            _free += wanted
            _freed.notify_all()
