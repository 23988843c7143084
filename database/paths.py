"""Where a user's own database lies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["default_path"]


def default_path(create: bool = False) -> Path:
    """The user's own database: ``presage/experience.duckdb`` in the platform's folder for user data.

    Args:
        create: make the folder where it does not exist.
    """
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    folder = base / "presage"
    if create:
        folder.mkdir(parents=True, exist_ok=True)
    return folder / "experience.duckdb"
