"""Opening a database file: to write, to read beside others; and whether it can be opened, asked before long work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from presage.database.connection import Connection, OnWait, check_makeable
from presage.database.making import make
from presage.database.migrate import latest, migrate, version
from presage.database.shipped import import_seed, keep_empty
from presage.errors import DatabaseBusy
from presage.places import user_path

__all__ = ["check_opens", "opened_as_is", "opened_to_read", "opened_to_write"]

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


def opened_as_is(file: Path, wait_seconds: float = 10.0, waiting: OnWait | None = None) -> Connection:
    """A connection for reading alone, to a file that is there and of the newest schema. Errors as `Connection`."""
    connection = Connection(file, wait_seconds, read_only=True, waiting=waiting)
    try:
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def opened_to_write(
    file: Path,
    seeded: bool,
    seed_only_if_empty: bool = False,
    wait_seconds: float = 10.0,
    waiting: OnWait | None = None,
) -> Connection:
    """A connection to a file that is made where there is none, and is brought up to date.

    Args:
        file: where it is, or will be.
        seeded: take in the shipped experience where that has not been done; else a new file is noted as without it.
        seed_only_if_empty: but only where the file holds nothing yet, nor was made without on purpose.
        wait_seconds, waiting: as `Connection` has them.

    Raises:
        DatabaseBusy, InvalidDatabase, InvalidArgument, StorageFull, StorageFailed: as `Database.open`.
    """
    make(file, without_seed=not seeded)
    connection = Connection(file, wait_seconds, waiting=waiting)
    try:
        new = version(connection) == 0
        migrate(connection)
        if seeded:
            import_seed(connection, only_if_empty=seed_only_if_empty)
        elif new:
            keep_empty(connection)
    except BaseException:
        connection.close()
        raise
    return connection


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
