"""Decoded images kept on disk, so that a folder is read once: bounded in size, the least recently used go first.

An entry is a folder named by a key: ``pixels`` (bytes), ``labels.npy`` and ``entry.json``. It is written beside and
renamed, so that it is whole or not there, and bears a checksum over all three; anything else counts as not there.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MOST_BYTES", "UnfinishedImages", "KeptImages", "ImageCache"]

MOST_BYTES = 8 * 2**30
"""Of all entries together; a larger one is not kept."""

_FREE_BYTES = 2 * 2**30  # of the disk, that are left to others
_DRAFT, _PIXELS, _LABELS, _TOLD = ".draft-", "pixels", "labels.npy", "entry.json"
_DRAFT_SECONDS = 24 * 3600  # after which a draft was left by a process that died

_ROWS_AT_ONCE = 4_096

Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class KeptImages:
    """What is kept of a dataset.

    Attributes:
        pixels: (n, h, w, c) uint8, read from the disk as they are looked at; writing to them changes no file.
        labels: (n,) int64.
        told: everything else, as JSON.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    told: dict[str, Any]


class UnfinishedImages:
    """An entry that is being written.

    Attributes:
        pixels: (n, h, w, c) uint8, to be filled.
    """

    def __init__(self, folder: Path, target: Path, shape: Shape) -> None:
        self._folder, self._target = folder, target
        with (folder / _PIXELS).open("wb+") as file:
            file.truncate(prod(shape))
            self._map = mmap.mmap(file.fileno(), prod(shape))
        self.pixels = np.frombuffer(self._map, np.uint8).reshape(shape)

    def release(self) -> None:
        """Let go of the memory that holds what was written so far; it is read again when it is looked at."""
        self._map.flush()
        _let_go(self._map)

    def keep(self, labels: npt.NDArray[np.int64], told: dict[str, Any]) -> KeptImages | None:
        """Finish: the first ``len(labels)`` images are kept. None where another process was faster, or it failed."""
        self._map.flush()
        shape = (len(labels), *self.pixels.shape[1:])
        np.save(self._folder / _LABELS, labels)
        whole = {**told, "shape": list(shape)}
        whole["checksum"] = _checksum(self.pixels[: len(labels)], labels, whole, self._map)
        (self._folder / _TOLD).write_text(json.dumps(whole), encoding="utf-8")
        try:
            self._folder.rename(self._target)
        except OSError:
            return None
        return _read(self._target)


class ImageCache:
    """Entries in one folder.

    Args:
        folder: made when something is kept.
        most_bytes: of all entries together.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.folder, self.most_bytes = folder, most_bytes

    def find(self, key: str) -> KeptImages | None:
        """The entry of this key; None where there is none, or it is damaged, and then it is removed."""
        path = self.folder / key
        if not path.is_dir():
            return None
        try:
            entry = _read(path)
            os.utime(path / _TOLD)  # used just now
        except Exception:  # whatever damage makes libraries raise
            shutil.rmtree(path, ignore_errors=True)
            return None
        return entry

    @contextmanager
    def draft(self, key: str, shape: Shape) -> Iterator[UnfinishedImages | None]:
        """Somewhere to write an entry; None where there is no room for it. What was not kept is removed."""
        folder = self._room_for(prod(shape))
        if folder is None:
            yield None
            return
        try:
            yield UnfinishedImages(folder, self.folder / key, shape)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _room_for(self, size: int) -> Path | None:
        """A new folder to write so many bytes in, once the least recently used entries have made room."""
        if size > self.most_bytes:
            return None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            kept = sorted(self._entries())
            while kept and sum(held for _, held, _ in kept) + size > self.most_bytes:
                shutil.rmtree(kept.pop(0)[2], ignore_errors=True)
            if shutil.disk_usage(self.folder).free < size + _FREE_BYTES:
                return None
            return Path(tempfile.mkdtemp(prefix=_DRAFT, dir=self.folder))
        except OSError:  # a place that cannot be written to: without a cache, then
            return None

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """(when last used, bytes, folder) of each; drafts of processes that died are removed."""
        for path in self.folder.iterdir():
            with suppress(OSError):
                if path.name.startswith(_DRAFT):
                    if time.time() - path.stat().st_mtime > _DRAFT_SECONDS:
                        shutil.rmtree(path, ignore_errors=True)
                    continue
                yield (path / _TOLD).stat().st_mtime, sum(file.stat().st_size for file in path.iterdir()), path


def _read(path: Path) -> KeptImages:
    """An entry.

    Raises:
        Exception: of any kind: it is damaged.
    """
    told = json.loads((path / _TOLD).read_text(encoding="utf-8"))
    n, h, w, c = (int(side) for side in told["shape"])
    labels = np.load(path / _LABELS, allow_pickle=False)
    if labels.shape != (n,) or labels.dtype != np.int64:
        raise ValueError("labels of another dataset")
    with (path / _PIXELS).open("rb") as file:
        mapped = mmap.mmap(file.fileno(), n * h * w * c, access=mmap.ACCESS_COPY)
    pixels = np.frombuffer(mapped, np.uint8).reshape(n, h, w, c)
    if told.pop("checksum") != _checksum(pixels, labels, told, mapped):
        raise ValueError("what was not written so")
    return KeptImages(pixels, labels, told)


def _let_go(mapped: mmap.mmap) -> None:
    """Forget the pages that were looked at: the file has them."""
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _checksum(
    pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], told: dict[str, Any], mapped: mmap.mmap
) -> int:
    """CRC-32 over all of an entry, whose pixels are mapped: it shows damage, not who wrote it."""
    found = zlib.crc32(labels.tobytes())
    for row, image in enumerate(pixels, start=1):
        found = zlib.crc32(image, found)
        if row % _ROWS_AT_ONCE == 0 or row == len(pixels):
            _let_go(mapped)
    return zlib.crc32(json.dumps(told, sort_keys=True).encode(), found)
