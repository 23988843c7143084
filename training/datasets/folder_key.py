"""What tells whether a folder is as it was: names, sizes and times of its files, and how they would be read."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

from presage.training.datasets.decoding import LARGEST_SIDE
from presage.training.datasets.folder_layout import Layout

__all__ = ["folder_key"]

READER = 1
"""Version of how files become pixels: another number, and all are read anew."""

_SETTLED_SECONDS = 2.0  # some file systems count time in steps of so many


def folder_key(root: Path, layout: Layout, most_bytes: int, skip_corrupt: bool) -> str | None:
    """SHA-256 of what the folder holds, by names, sizes and times (changed and written) of all files.

    None where a file changed just now: it might change again within the same tick of the file system's clock.
    """
    from PIL import __version__ as pillow

    digest = hashlib.sha256()
    how = [READER, pillow, LARGEST_SIDE, most_bytes, skip_corrupt, str(root.resolve()), str(root)]
    counts = [len(layout.train), len(layout.test)]
    digest.update(json.dumps([how, counts, layout.classes, layout.warnings], ensure_ascii=True).encode())
    latest = time.time_ns() - int(_SETTLED_SECONDS * 1e9)
    for path, label in layout.train + layout.test:
        try:
            status = path.stat()
        except OSError:  # a link to nothing, which is reported when it is read
            return None
        if max(status.st_mtime_ns, status.st_ctime_ns) > latest:
            return None
        line = f"{path}\0{label} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}\n"
        digest.update(line.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
