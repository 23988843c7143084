"""Places: the one place where paths that a user writes become paths, and where the user's own folder is found."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from presage.errors import InvalidArgument

__all__ = ["path_argument", "user_data", "user_path"]

_RULE = "be a path that can be"


def user_path(text: str | os.PathLike[str], argument: str = "path", owner: str = "presage") -> Path:
    """A path as a user writes it: ``~`` and ``~name`` are homes; all else, ``[`` and ``*`` too, stands for itself.

    Args:
        text: of any length; a relative one is seen from where the process is.
        argument, owner: what an error calls it.

    Raises:
        InvalidArgument: empty, with a null character, or of a home that there is none of.
    """
    written = os.fspath(text)
    if not written.strip() or "\0" in written:
        raise InvalidArgument(argument, owner, _RULE, written)
    if not written.startswith("~"):
        return Path(written)
    try:
        return Path(written).expanduser()
    except RuntimeError:  # no such user, or HOME is not set and this user has no name
        raise InvalidArgument(argument, owner, _RULE, written, "There is no such home folder.") from None


def path_argument(text: str) -> Path:
    """`user_path` for argparse."""
    try:
        return user_path(text)
    except InvalidArgument as error:
        raise argparse.ArgumentTypeError(f"must {error.rule}. Got {text!r}") from None


def user_data() -> Path:
    """Where programs keep a user's data on this platform.

    Raises:
        InvalidArgument: nothing says where this user's home is.
    """
    try:
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support"
        return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    except RuntimeError:
        rule = "be named where the user has no home folder (HOME is not set)"
        hint = "Give --database PATH, or set PRESAGE_DATABASE or XDG_DATA_HOME."
        raise InvalidArgument("database", "presage", rule, None, hint) from None
