"""Which files Pillow reads as images here: by suffix, and without one by content."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["has_image_content", "open_image", "readable_suffixes", "why_left_out"]

_FORMATS = {  # Pillow's name → suffixes
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".mpo"),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "JPEG2000": (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
    "QOI": (".qoi",),
    "PCX": (".pcx",),
    "SGI": (".sgi", ".rgb", ".bw"),
    "AVIF": (".avif", ".avifs"),
    "HEIF": (".heic", ".heif", ".hif", ".heics", ".heifs"),
    "TGA": (".tga",),
}
"""Formats of single pictures. Others that Pillow knows start a program (EPS), or are no pictures (HDF5, FITS)."""

_WITHOUT_MARK = "TGA"  # nearly any file can be taken for one: only where the suffix says so

_KNOWN = frozenset(suffix for suffixes in _FORMATS.values() for suffix in suffixes)
"""Files that count as images, in lower case, where Pillow reads them here."""

_NOT_HERE = frozenset((".jxl", ".svg", ".psd", ".exr", ".hdr", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".dcm"))


def why_left_out(path: Path) -> str | None:
    """What a file's suffix says: None for an image, `no suffix`, or the kind of `LeftOut` that it is."""
    suffix = path.suffix.lower()
    if suffix in readable_suffixes():
        return None
    if suffix in _KNOWN or suffix in _NOT_HERE:
        return "unreadable kind"
    return "no suffix" if not suffix[1:] or suffix[1:].isdigit() else "no image"


def has_image_content(path: Path) -> bool:
    """Whether a file begins as an image does."""
    try:
        with open_image(path):
            return True
    except Exception:  # decoders of hostile files raise nearly anything
        return False


def open_image(path: Path) -> Image.Image:
    """A file as a Pillow image, not yet decoded, of the formats above and no others.

    Raises:
        Exception: of any kind Pillow may raise.
    """
    from PIL import Image

    tga = path.suffix.lower() in _FORMATS[_WITHOUT_MARK]
    readable_suffixes()
    return Image.open(path, formats=[name for name in _here() if name != _WITHOUT_MARK or tga])


@cache
def _here() -> tuple[str, ...]:
    """The formats that Pillow reads here; HEIF with the plug-in of the package pillow-heif."""
    from PIL import Image, features

    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        pass
    else:
        register_heif_opener()
    Image.init()
    lacking = {name for name, feature in (("AVIF", "avif"), ("WEBP", "webp"), ("JPEG2000", "jpg_2000"))
               if not features.check(feature)}  # fmt: skip
    return tuple(name for name in _FORMATS if name in Image.OPEN and name not in lacking)


@cache
def readable_suffixes() -> frozenset[str]:
    """Suffixes, in lower case, of the formats that Pillow reads here."""
    return frozenset(suffix for name in _here() for suffix in _FORMATS[name])
