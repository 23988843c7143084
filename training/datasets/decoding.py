"""Many images into one array, a few at a time, with the corrupt ones named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from presage.training.datasets.image_dataset import refusal

__all__ = ["LARGEST_SIDE", "Corrupt", "Progress", "common_side", "decode_all", "decode_into", "each", "reorder"]

LARGEST_SIDE = 64
"""Images are stored at most this wide and high."""

_IMAGES_AT_ONCE = 256
_MOST_NAMED = 20

Progress = Callable[[int, int], None]
"""Called with (images done, images in all)."""


class Corrupt:
    """Images that could not be read: once all were tried they end the reading, unless they are to be skipped.

    Args:
        owner: the folder or dataset they are in.
        skip: go on without them.
    """

    def __init__(self, owner: object, *, skip: bool) -> None:
        self._owner, self._skip = owner, skip
        self._found: list[tuple[str, str]] = []

    def add(self, name: str, error: Exception) -> None:
        """Note an image."""
        self._found.append((name, " ".join(f"{type(error).__name__}: {error}".split())))

    def settle(self) -> None:
        """Once every image was tried.

        Raises:
            InvalidDataset: names the first that could not be read and how many more there are, unless they are skipped.
        """
        if self._skip or not self._found:
            return
        (name, reason), more = self._found[0], len(self._found) - 1
        others = f" and {more:,} more" if more else ""
        hint = f"Mend or remove {'them' if more else 'it'}, or ask to skip corrupt images."
        raise refusal("images", self._owner, "all be readable", f"`{name}` ({reason}){others}", hint)

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for each image skipped; beyond twenty, one for the rest."""
        more = len(self._found) - _MOST_NAMED
        rest = (f"Skipped {more} more corrupt images of `{self._owner}`.",) if more > 0 else ()
        named = self._found[:_MOST_NAMED]
        return (*(f"Skipped the corrupt image `{name}` of `{self._owner}` ({why})." for name, why in named), *rest)


def common_side(longer_sides: list[int]) -> int:
    """The side, in pixels, for images whose longer sides are these: their median, at most `LARGEST_SIDE`."""
    return min(LARGEST_SIDE, int(np.median(longer_sides)))


_T = TypeVar("_T")


def each(read: Callable[[int], _T], n: int, workers: int | None = None) -> Iterator[_T | Exception]:
    """`read` of 0 … n-1, in that order, by several threads; an error in place of what it failed on.

    Args:
        workers: threads; by default one per core, at most 8.
    """

    def tried(row: int) -> _T | Exception:
        try:
            return read(row)
        except Exception as error:  # decoders of hostile files raise nearly anything
            return error

    with ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, n, _IMAGES_AT_ONCE):
            yield from pool.map(tried, range(start, min(start + _IMAGES_AT_ONCE, n)))


def decode_into(
    pixels: npt.NDArray[np.uint8],
    read: Callable[[int], npt.NDArray[np.uint8]],
    names: Callable[[int], str],
    corrupt: Corrupt,
    on_progress: Progress | None,
    workers: int | None = None,
) -> npt.NDArray[np.bool_]:
    """Fill pixels (n, h, w, c); which rows were (n,). At most a few hundred decoded images are in flight.

    Args:
        read: row → pixels (h, w, c); may raise anything.
        names: row → what to call that image in an error.
        corrupt: told of every image that `read` fails on, and settled at the end.
        on_progress: called now and then, and at the end.
        workers: threads; by default one per core, at most 8.
    """
    n = len(pixels)
    kept = np.zeros(n, dtype=bool)

    def into_place(row: int) -> None:
        pixels[row] = read(row)

    for row, error in enumerate(each(into_place, n, workers)):
        if error is None:
            kept[row] = True
        else:
            corrupt.add(names(row), error)
        if on_progress is not None and ((row + 1) % _IMAGES_AT_ONCE == 0 or row + 1 == n):
            on_progress(row + 1, n)
    corrupt.settle()
    return kept


def decode_all(
    read: Callable[[int], npt.NDArray[np.uint8]],
    names: Callable[[int], str],
    shape: tuple[int, int, int, int],
    corrupt: Corrupt,
    on_progress: Progress | None,
    workers: int | None = None,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """(pixels (m, h, w, c), rows kept (m,)), m ≤ n; arguments as `decode_into` has them, `shape` (n, h, w, c)."""
    pixels = np.empty(shape, dtype=np.uint8)
    kept = decode_into(pixels, read, names, corrupt, on_progress, workers)
    if kept.all():
        return pixels, np.arange(len(pixels))
    return pixels[kept], np.flatnonzero(kept)


def reorder(pixels: npt.NDArray[np.uint8], order: npt.NDArray[np.int64]) -> None:
    """Move row ``order[i]`` to row i, in place: there is no room for a second copy. Rows that are not named go last."""
    rest = np.ones(len(pixels), dtype=bool)
    rest[order] = False
    source = np.concatenate([order, np.flatnonzero(rest)])  # a permutation: row i is filled from row source[i]
    waiting = source != np.arange(len(source))
    for first in np.flatnonzero(waiting).tolist():
        if not waiting[first]:
            continue
        held, row = pixels[first].copy(), first
        while True:
            waiting[row] = False
            taken = int(source[row])
            if taken == first:
                pixels[row] = held
                break
            pixels[row] = pixels[taken]
            row = taken
