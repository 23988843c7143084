"""What a folder holds, entry by entry: images, folders to look into, and what is neither."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from presage.training.datasets.image_formats import has_image_content, why_left_out

__all__ = ["Entries", "folder_entries"]

_OF_THE_SYSTEM = frozenset(
    (
        *("__macosx", "@eadir", "#recycle", "@recycle", "@recently-snapshot", "#snapshot", "$recycle.bin"),
        *("system volume information", "lost+found", "__pycache__", "thumbs.db", "desktop.ini", "ehthumbs.db"),
        "icon\r",
    )
)
"""Names, in lower case, that archivers, network drives, editors and desktops leave behind; hidden ones apart."""


@dataclass(frozen=True)
class Entries:
    """What one folder holds, each sorted by name.

    Attributes:
        images: files that count as images; links to nothing too, so that they are reported.
        folders: that may be looked into.
        left_out: (kind of `presage.training.datasets.left_out.LeftOut`, path) of everything else.
    """

    images: tuple[Path, ...]
    folders: tuple[Path, ...]
    left_out: tuple[tuple[str, Path], ...]


def folder_entries(folder: Path) -> Entries:
    """Look at a folder. A file without a suffix is opened to see whether it is an image; nothing else is.

    Raises:
        OSError: the folder cannot be listed.
    """
    images: list[Path] = []
    folders: list[Path] = []
    left_out: list[tuple[str, Path]] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = Path(entry.path)
            if entry.name.startswith("."):
                left_out.append(("hidden", path))
            elif entry.name.lower() in _OF_THE_SYSTEM:
                left_out.append(("system", path))
            elif entry.is_dir():
                folders.append(path)
            else:
                kind = _kind_of_file(path, entry)
                if kind is None:
                    images.append(path)
                else:
                    left_out.append((kind, path))
    return Entries(tuple(images), tuple(folders), tuple(left_out))


def _kind_of_file(path: Path, entry: os.DirEntry[str]) -> str | None:
    """Why a file is left out; None for an image."""
    why = why_left_out(path)
    if why == "no suffix":
        return None if entry.is_file() and has_image_content(path) else "no image"
    if why is None:
        there = entry.is_file() or (entry.is_symlink() and not path.exists())
        return None if there else "no image"
    return why
