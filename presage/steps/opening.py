"""The user's database: which file it is, and opening it, with a word where others hold it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.errors import InvalidArgument
from presage.places import user_path
from presage.progress import OnStage

if TYPE_CHECKING:
    from presage.database import Database

__all__ = ["UserDatabase"]

_WAIT_SECONDS = 60.0  # for whoever holds it: they let go at once, but there may be several


@dataclass(frozen=True)
class UserDatabase:
    """A database file as a session uses it.

    Args:
        named: the file; None for what `$PRESAGE_DATABASE` names, or else the user's own.
        progress: told where others are waited for.
    """

    named: str | Path | None
    progress: OnStage

    @property
    def path(self) -> Path:
        """Where it is, or will be.

        Raises:
            InvalidArgument: it is named by what is no path to a file.
        """
        from presage.database import default_path

        if self._name is None:
            return default_path()
        path = user_path(self._name, "database", "presage")
        if str(path) == ":memory:":
            rule = "be a file: what a database in memory learns is lost in the end"
            raise InvalidArgument("database", "presage", rule, str(self._name))
        return path

    def open(self) -> Database:
        """For writing; filled with the shipped experience when it is new."""
        from presage.database import Database

        return Database.open(self._file, **self._how)

    def open_to_read(self) -> Database:
        """For reading alone: any number of processes at once, and also a file that may not be written."""
        from presage.database import Database

        return Database.to_read(self._file, **self._how)

    def check(self) -> None:
        """Refuse one that cannot be opened or made. Raises as `presage.database.Database.open`."""
        from presage.database import check_opens, default_path

        if self._name is None:
            default_path(create=True)
        check_opens(self.path, wait_seconds=_WAIT_SECONDS)

    @property
    def _name(self) -> str | Path | None:
        return self.named if self.named is not None else os.environ.get("PRESAGE_DATABASE") or None

    @property
    def _file(self) -> Path | None:
        return None if self._name is None else self.path

    @property
    def _how(self) -> dict[str, Any]:
        return {
            "wait_seconds": _WAIT_SECONDS,
            "waiting": lambda: self.progress("wait for another presage, which holds the database", 0, 1),
            "from_seed": True,
            "seed_only_if_empty": self._name is not None,
        }
