"""Whatever a user calls images, as batches for a trained model: files and folders are read as for its training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from presage.errors import InvalidArgument
from presage.training.datasets.folder_entries import folder_entries
from presage.training.datasets.image_file import read_pixels, to_pixels
from presage.training.datasets.left_out import LeftOut, LeftOutLog
from presage.training.datasets.value_range import Depth

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["AT_ONCE", "Picture", "Unreadable", "batches", "image_files", "of_files"]

Picture: TypeAlias = "str | Path | NDArray[np.uint8] | Image.Image"

AT_ONCE = 256
"""Images decoded, resized and scored at a time."""


@dataclass(frozen=True)
class Unreadable:
    """An image file that cannot be read, and why: one line."""

    file: Path
    reason: str


def of_files(
    files: Sequence[Path], channels: int, side: int | None, depth: Depth | None = None
) -> tuple[list[Tensor], list[Unreadable | None]]:
    """(batches of the files that can be read, in order, and of each file None or what is wrong with it).

    Args:
        channels, side, depth: as `batches` has them.
    """
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        read = list(pool.map(lambda file: _of_file(file, channels, side, depth), files))
    pixels = [one for one in read if not isinstance(one, Unreadable)]
    return [_stacked(group) for group in _same_size(pixels)], [
        one if isinstance(one, Unreadable) else None for one in read
    ]


def batches(
    images: Picture | Iterable[Picture], channels: int, side: int | None, depth: Depth | None = None
) -> Iterator[Tensor]:
    """Images as uint8 batches (b, c, h, w), in order; a batch's images have one size.

    Args:
        images: as `TrainedModel.predict_proba` takes them.
        channels: 1 or 3; colours are mixed to grey, and grey is repeated, as it is needed.
        side: squares that files and Pillow images are reduced to first; None leaves their sizes.
        depth: how values of more than 8 bits become 0 … 255, as in the training.

    Raises:
        InvalidArgument: what is no image, or cannot be read; names it.
    """
    if isinstance(images, np.ndarray):
        yield from _of_array(images, channels)
        return
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for some in _groups(_listed(images), AT_ONCE):
            pixels = list(pool.map(lambda one: _pixels(one, channels, side, depth), some))
            for group in _same_size(pixels):
                yield _stacked(group)


def image_files(folder: Path) -> tuple[list[Path], tuple[LeftOut, ...]]:
    """(all image files at and below a folder, sorted, and what else is there). Links to folders are not followed.

    Raises:
        InvalidArgument: there are none.
    """
    found: list[Path] = []
    log, waiting = LeftOutLog(), [folder]
    while waiting:
        entries = folder_entries(waiting.pop())
        found += entries.images
        waiting += [below for below in entries.folders if not below.is_symlink()]
        for kind, path in entries.left_out:
            log.add(kind, str(path.relative_to(folder)))
    if not found:
        raise InvalidArgument("images", "classify", "be images, or a folder that holds some", str(folder))
    return sorted(found), log.found


def _listed(images: Any) -> Iterator[Picture]:
    if isinstance(images, str | Path):
        path = Path(images)
        if path.is_dir():
            yield from image_files(path)[0]
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


def _pixels(one: Any, channels: int, side: int | None, depth: Depth | None) -> NDArray[np.uint8]:
    """One image as (h, w, c)."""
    if isinstance(one, np.ndarray):
        return next(iter(_of_array(one, channels)))[0].permute(1, 2, 0).numpy()
    if isinstance(one, str | Path):
        read = _of_file(Path(one), channels, side, depth)
        if isinstance(read, Unreadable):
            raise InvalidArgument("images", "classify", "all be readable", f"{one} ({read.reason})")
        return read
    if hasattr(one, "getbands"):
        return to_pixels(one.copy(), side, channels == 3, depth)
    rule = "be files, folders, Pillow images or uint8 arrays"
    raise InvalidArgument("images", "classify", rule, one)


def _of_file(file: Path, channels: int, side: int | None, depth: Depth | None) -> NDArray[np.uint8] | Unreadable:
    try:
        return read_pixels(file, side, channels == 3, depth)
    except Exception as error:  # decoders of hostile files raise nearly anything
        return Unreadable(file, " ".join(f"{type(error).__name__}: {error}".split()))


def _stacked(pixels: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Images (h, w, c) of one size as (b, c, h, w)."""
    return torch.from_numpy(np.stack(pixels).transpose(0, 3, 1, 2).copy())


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
