"""Folders that a user names for results: tried before any long work, so that it is not lost in the end."""

from __future__ import annotations

import tempfile
from pathlib import Path

from presage.errors import InvalidArgument
from presage.files import disk_is_full

__all__ = ["check_folder"]


def check_folder(folder: Path, argument: str, owner: str) -> None:
    """Refuse a folder that cannot be made or not be written in. Nothing is left behind.

    Args:
        argument, owner: what an error calls it, such as `--run` of `presage search`.

    Raises:
        InvalidArgument: as said.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        if disk_is_full(error):
            raise
        rule = "be a folder that can be made and written in"
        raise InvalidArgument(argument, owner, rule, str(folder), f"{error.strerror}.") from None
