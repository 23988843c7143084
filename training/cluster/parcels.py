"""Folders of read-only files that travel by their content: sent once, unpacked once on each machine."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from presage.errors import InvalidArgument
from presage.files import replacing_folder

__all__ = ["Parcel", "packed", "unpacked"]

Bytes = npt.NDArray[np.uint8]
_KEPT_SECONDS = 24 * 3600.0  # a folder that was not used for so long is removed when another comes


@dataclass(frozen=True)
class Parcel:
    """A folder on its way.

    Attributes:
        name: SHA-256 over the names and bytes of its files, in hexadecimal.
        files: by name, what the bytes of each are fetched by.
    """

    name: str
    files: Mapping[str, Any]


def packed(folder: Path, put: Callable[[Bytes], Any]) -> Parcel:
    """The files of a folder, folders in it left out.

    Args:
        put: stores bytes, (n,) uint8, and gives what they are fetched by.
    """
    digest, files = hashlib.sha256(), {}
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        content = np.fromfile(path, np.uint8)
        digest.update(f"{path.name}\0{len(content)}\0".encode())
        digest.update(content.tobytes())
        files[path.name] = put(content)
    return Parcel(digest.hexdigest()[:32], files)


def unpacked(parcel: Parcel, fetch: Callable[[Any], Bytes]) -> Path:
    """The folder as it is on this machine: fetched when none was, and shared by all processes of this user."""
    folder = _place() / parcel.name
    if not folder.exists():
        _sweep(folder.parent)
        with replacing_folder(folder) as made:
            for name, content in parcel.files.items():
                fetch(content).tofile(made / name)
    os.utime(folder)
    return folder


def _place() -> Path:
    """A folder of this user's alone: what others put there could be taken for a dataset."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    place = Path(tempfile.gettempdir()) / f"presage-{user}"
    place.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and (place.is_symlink() or place.stat().st_uid != os.getuid()):
        raise InvalidArgument("TMPDIR", "a worker", "hold no `presage-…` of somebody else's", str(place))
    return place


def _sweep(place: Path) -> None:
    oldest = time.time() - _KEPT_SECONDS
    for folder in place.iterdir():
        try:
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            continue  # swept by another process
