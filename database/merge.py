"""Merging another database into this one: every row is checked and named, and merging again adds nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from presage.database.bounds import rows_at_once
from presage.database.connection import Connection
from presage.database.foreign import opened_as_data
from presage.database.tables import TableReader, entries_of_tables
from presage.database.write import Placed, Writer
from presage.errors import InvalidArgument
from presage.records.record import Record

__all__ = ["read_database", "table_reader"]


def read_database(path: Path, writer: Writer, wait_seconds: float = 10.0) -> Iterator[Placed]:
    """Entries of another database file, which stays as it is and is data alone (`presage.database.foreign`).

    A row that breaks a rule is refused by its key.

    Raises:
        InvalidArgument: it is the same file.
        DatabaseBusy, InvalidDatabase: as `Connection`.
    """
    own = writer.connection.path
    if path.exists() and own.exists() and path.samefile(own):
        raise InvalidArgument("other", "Database.merge", "be another file than the database itself", str(path))
    with opened_as_data(path, wait_seconds) as other:
        yield from entries_of_tables(table_reader(other, f"{path} "), writer.refuse)


def table_reader(connection: Connection, prefix: str = "") -> TableReader:
    """Reads a table's rows, each named ``prefix table key``."""

    def read(kind: type[Record]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        columns = [*(["id"] if kind.key == "id" else []), *kind.column_names()]
        names = ", ".join(f'"{name}"' for name in columns)
        asked = f"SELECT {names} FROM {connection.catalog}{kind.table}"
        size = rows_at_once(connection, f"({asked})", f"The table `{kind.table}` of the database {connection.path}")
        for batch in connection.batches(asked, size):
            for values in batch:
                row = dict(zip(columns, values, strict=True))
                yield f"{prefix}{kind.table} {str(row[kind.key])[:12]}…", row

    return read
