"""Can a database file be opened, or made? Asked before long work whose results are to go there."""

from __future__ import annotations

from pathlib import Path

from presage.database.connection import Connection, check_makeable
from presage.database.migrate import migrate

__all__ = ["check_opens"]


def check_opens(path: str | Path, *, wait_seconds: float = 10.0) -> None:
    """Open a database file once and let go of it; where there is none, none is made.

    Raises:
        DatabaseBusy, InvalidDatabase: as `Database.open`.
        InvalidArgument: its folder does not exist, or no file can be made in it.
    """
    file = Path(path)
    if not file.exists():
        check_makeable(file)
        return
    connection = Connection(file, wait_seconds)
    try:
        migrate(connection)
    finally:
        connection.close()
