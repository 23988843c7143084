"""One image file, or one Pillow image, as a small square of pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MOST_PIXELS", "SUFFIXES", "is_colour", "read_header", "read_pixels", "to_pixels"]

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")
)
"""Files that count as images, in lower case."""

MOST_PIXELS = 2**26
"""Larger images are refused before they are decoded: a few kilobytes can claim to be gigabytes of pixels."""

_GREY = frozenset(("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F"))


def read_header(path: Path) -> tuple[int, int, bool]:
    """(width, height, whether in colour) without decoding.

    Raises:
        Exception: of any kind Pillow may raise; ValueError for more than `MOST_PIXELS`.
    """
    with _open(path) as image:
        return image.width, image.height, is_colour(image)


def read_pixels(path: Path, side: int | None, colour: bool) -> npt.NDArray[np.uint8]:
    """The image as (side, side, 3 if `colour` else 1) uint8; of an animation, the first frame. As `to_pixels`.

    Raises:
        Exception: of any kind Pillow may raise; ValueError for more than `MOST_PIXELS`.
    """
    with _open(path) as image:
        if side is not None:
            image.draft("RGB" if colour else "L", (2 * side, 2 * side))  # JPEG decodes at reduced size, much faster
        return to_pixels(image, side, colour)


def is_colour(image: Image.Image) -> bool:
    """Whether red, green and blue can differ; a palette of greys is grey."""
    if image.mode == "P":
        palette = np.array(image.getpalette() or [], dtype=np.uint8).reshape(-1, 3)
        return bool((palette != palette[:, :1]).any())
    return image.mode not in _GREY


def to_pixels(image: Image.Image, side: int | None, colour: bool) -> npt.NDArray[np.uint8]:
    """(side, side, 3 or 1) uint8: upright, over white where transparent, 16 bits cut to 8, resized antialiased.

    Other proportions are squeezed into the square, so that nothing at the border is lost. Without a side the image
    keeps its own size, (h, w, 3 or 1).

    Raises:
        ValueError: pixels of floating point, whose range is anybody's guess.
    """
    from PIL import Image, ImageOps

    if image.mode == "F":
        raise ValueError("pixels are floating-point numbers")
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, "white")
        opaque.alpha_composite(image.convert("RGBA"))
        image = opaque
    mode = "RGB" if colour else "L"
    if image.mode != mode:
        image = image.convert(mode)
    if side is not None and image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR)  # Pillow widens the filter as it reduces
    return np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, -1)


def _open(path: Path) -> Image.Image:
    """The image, not yet decoded.

    Raises:
        Exception: of any kind Pillow may raise; ValueError for more than `MOST_PIXELS`.
    """
    from PIL import Image

    image = Image.open(path)
    if image.width * image.height > MOST_PIXELS:
        image.close()
        raise ValueError(f"{image.width} x {image.height} pixels are more than {MOST_PIXELS:,}")
    return image
