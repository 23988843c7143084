"""Inspections that are kept beside the database, found again as long as images, files and the check are the same."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import StorageFull, WrongInput
from presage.files import write_json
from presage.reading import read_as

if TYPE_CHECKING:
    from presage.probe.inspection.issue import Inspection
    from presage.training import ImageDataset

__all__ = ["MOST_KEPT", "KeptInspections", "inspection_key"]

MOST_KEPT = 64
"""Inspections in one folder; the least recently used go first."""

_SETTLED_SECONDS = 2.0  # some file systems count time in steps of so many


def inspection_key(dataset: ImageDataset, seed: int) -> str | None:
    """SHA-256 of everything that an inspection looks at: images and labels, names of classes, names, sizes and times of
    the files, the seed and the version of the check.

    None where a file changed just now, or is gone: what was read of it need not be what is there.
    """
    from presage.probe.inspection.inspect import VERSION

    digest = hashlib.sha256(json.dumps([VERSION, seed, dataset.fingerprint, dataset.classes]).encode())
    if dataset.files is not None:
        latest = time.time_ns() - int(_SETTLED_SECONDS * 1e9)
        for name in dataset.files.names:
            try:
                status = (dataset.files.root / name).stat()
            except OSError:
                return None
            if max(status.st_mtime_ns, status.st_ctime_ns) > latest:
                return None
            digest.update(
                f"{name}\0{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}\n".encode("utf-8", "surrogatepass")
            )
    return digest.hexdigest()


class KeptInspections:
    """Inspections by key in one folder, which is made when one is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: str, name: str) -> Inspection | None:
        """The inspection of this key, of a dataset that is called `name` now; None where there is none, or a damaged
        one."""
        from presage.probe.inspection.issue import Inspection

        path = self._path(key)
        try:
            found = read_as(path, Inspection.from_json)
        except (WrongInput, OSError):
            return None
        if found is None:
            return None
        with suppress(OSError):
            os.utime(path)  # used just now
        return replace(found, name=name)

    def keep(self, key: str, inspection: Inspection) -> None:
        """Keep one; where nothing can be written, nothing is."""
        with suppress(OSError, StorageFull):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(self._path(key), inspection.to_json())
            kept = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
            for path in kept[:-MOST_KEPT]:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"
