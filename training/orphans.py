"""Folders that go with the process that made them, however it ends: its workers remove them where it cannot."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["remove_orphaned", "remove_when_orphaned"]

_FOLDERS: set[Path] = set()


def remove_when_orphaned(folder: Path) -> None:
    """Have this process remove a folder, where it is a worker (`presage.training.worker`) and its parent is gone.

    Whoever made the folder removes it itself; a process that is killed cannot.
    """
    _FOLDERS.add(folder)


def remove_orphaned() -> None:
    """Remove those folders; several workers may at once."""
    for folder in _FOLDERS:
        shutil.rmtree(folder, ignore_errors=True)
