"""Whatever a user calls images, as batches for a trained model: files and folders are read as for its training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from presage.errors import InvalidArgument
from presage.training.datasets.image_file import SUFFIXES, read_pixels, to_pixels

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["AT_ONCE", "Picture", "batches", "image_files"]

Picture: TypeAlias = "str | Path | NDArray[np.uint8] | Image.Image"

AT_ONCE = 256
"""Images decoded, resized and scored at a time."""


def batches(images: Picture | Iterable[Picture], channels: int, side: int | None) -> Iterator[Tensor]:
    """Images as uint8 batches (b, c, h, w), in order; a batch's images have one size.

    Args:
        images: as `TrainedModel.predict_proba` takes them.
        channels: 1 or 3; colours are mixed to grey, and grey is repeated, as it is needed.
        side: squares that files and Pillow images are reduced to first; None leaves their sizes.

    Raises:
        InvalidArgument: what is no image, or cannot be read; names it.
    """
    if isinstance(images, np.ndarray):
        yield from _of_array(images, channels)
        return
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for some in _groups(_listed(images), AT_ONCE):
            pixels = list(pool.map(lambda one: _pixels(one, channels, side), some))
            for group in _same_size(pixels):
                yield torch.from_numpy(np.stack(group).transpose(0, 3, 1, 2).copy())


def image_files(folder: Path) -> list[Path]:
    """All image files at and below a folder, sorted; hidden ones are left out.

    Raises:
        InvalidArgument: there are none.
    """
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise InvalidArgument("images", "classify", "be images, or a folder that holds some", str(folder))
    return found


def _listed(images: Any) -> Iterator[Picture]:
    if isinstance(images, str | Path):
        path = Path(images)
        if path.is_dir():
            yield from image_files(path)
        else:
            yield path
    elif isinstance(images, Iterable) and not hasattr(images, "getbands"):  # a Pillow image is no list
        for one in images:
            yield from _listed(one) if isinstance(one, str | Path) else (one,)
    else:
        yield images


def _groups(images: Iterable[Picture], size: int) -> Iterator[Sequence[Picture]]:
    some: list[Picture] = []
    for one in images:
        some.append(one)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _pixels(one: Any, channels: int, side: int | None) -> NDArray[np.uint8]:
    """One image as (h, w, c)."""
    if isinstance(one, np.ndarray):
        return next(iter(_of_array(one, channels)))[0].permute(1, 2, 0).numpy()
    if isinstance(one, str | Path):
        try:
            return read_pixels(Path(one), side, channels == 3)
        except Exception as error:  # decoders of hostile files raise nearly anything
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise InvalidArgument("images", "classify", "all be readable", f"{one} ({reason})") from None
    if hasattr(one, "getbands"):
        return to_pixels(one.copy(), side, channels == 3)
    rule = "be files, folders, Pillow images or uint8 arrays"
    raise InvalidArgument("images", "classify", rule, one)


def _of_array(images: NDArray[Any], channels: int) -> Iterator[Tensor]:
    """(h, w), (h, w, c), (n, h, w) or (n, h, w, c) as batches (b, c, h, w)."""
    if images.dtype != np.uint8:
        raise InvalidArgument("images", "classify", "be uint8, of 0 to 255", f"an array of {images.dtype}")
    shape = images.shape
    if images.ndim == 2 or (images.ndim == 3 and shape[2] in (1, 3) and shape[1] > 3):
        images = images[None]
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        rule = "have shape (h, w), (h, w, c), (n, h, w) or (n, h, w, c), with c = 1 or 3"
        raise InvalidArgument("images", "classify", rule, shape)
    for start in range(0, len(images), AT_ONCE):
        yield _with_channels(torch.from_numpy(images[start : start + AT_ONCE].transpose(0, 3, 1, 2).copy()), channels)


def _with_channels(images: Tensor, channels: int) -> Tensor:
    """uint8 (b, 1 or 3, h, w) → (b, c, h, w); grey is weighed as Pillow does (ITU-R 601-2)."""
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1).contiguous()
    red, green, blue = images.to(torch.int64).unbind(dim=1)
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).to(torch.uint8)[:, None]


def _same_size(pixels: Sequence[NDArray[np.uint8]]) -> Iterator[list[NDArray[np.uint8]]]:
    """Runs of neighbours of one size."""
    run: list[NDArray[np.uint8]] = []
    for one in pixels:
        if run and one.shape != run[0].shape:
            yield run
            run = []
        run.append(one)
    if run:
        yield run
