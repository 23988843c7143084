"""Opening a database file for reading beside others; and whether one can be opened at all, asked before long work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from presage.database.connection import Connection, OnWait, check_makeable
from presage.database.migrate import latest, migrate, version
from presage.errors import DatabaseBusy
from presage.places import user_path

__all__ = ["check_opens", "opened_to_read"]

_TRIES = 3


def check_opens(path: str | Path, *, wait_seconds: float = 10.0) -> None:
    """Open a database file once and let go of it; where there is none, none is made.

    Raises:
        DatabaseBusy, InvalidDatabase: as `Database.open`.
        InvalidArgument: its folder does not exist, or no file can be made in it.
    """
    file = user_path(path)
    if not file.exists():
        check_makeable(file)
        return
    connection = Connection(file, wait_seconds)
    try:
        migrate(connection)
    finally:
        connection.close()


def opened_to_read(
    file: Path,
    write: Callable[[], None],
    is_due: Callable[[Connection], bool],
    wait_seconds: float = 10.0,
    waiting: OnWait | None = None,
) -> Connection:
    """A connection for reading alone, to a file of the newest schema.

    Args:
        file: where it is, or will be.
        write: makes it or brings it up to date, where that is needed.
        is_due: whether something else is to be written before anything is read.
        wait_seconds, waiting: as `Connection` has them.

    Raises:
        DatabaseBusy, InvalidDatabase, InvalidArgument: as `Database.open`.
    """
    for _ in range(_TRIES):
        if not file.exists():
            write()
        connection = Connection(file, wait_seconds, read_only=True, waiting=waiting)
        try:
            if not os.access(file, os.W_OK) or not (version(connection) < latest() or is_due(connection)):
                migrate(connection)
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()
        write()
    raise DatabaseBusy(f"The database {file} changes while it is opened. Repeat when that has ended.")
