"""Somebody else's database file, read as data: base tables of the known schema, and nothing that it would have run.

A DuckDB file can hold views and macros in place of tables and functions, which read any file of who opens them, or
never end. Here the file is attached for reading to a database in memory that is shut off from all other files
(`Connection`, `as_data`); of its content only base tables are read that have the columns of their schema version, none
of them computed, with bounds on rows and on single values.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from presage.database.bounds import rows_at_once
from presage.database.connection import Connection
from presage.database.migrate import check_known, in_memory, latest, migrate
from presage.database.tables import RECORDS, is_named
from presage.errors import InvalidDatabase

__all__ = ["opened_as_data"]


@contextmanager
def opened_as_data(path: Path, wait_seconds: float = 10.0, scratch: Path | None = None) -> Iterator[Connection]:
    """The file's tables at the newest schema, under the connection's `catalog`; an older one is migrated in a copy.

    Args:
        scratch: a folder of ours, of which alone files may be read and written.

    Raises:
        DatabaseBusy: another process holds the file.
        InvalidDatabase: it is no database of presage's, is damaged or newer, or holds more than tables would.
        InvalidArgument: there is no such file.
    """
    connection = Connection(path, wait_seconds, as_data=True, scratch=scratch)
    try:
        found = _version(connection)
        if found:
            columns = _checked(connection, found)
            if found < latest():
                _upgrade(connection, found, columns)
        else:
            migrate(connection)  # without tables, it is an empty one
            connection.catalog = ""
        yield connection
    finally:
        connection.close()


def _version(connection: Connection) -> int:
    tables = _columns(connection, "foreign_file")
    if not tables:
        return 0
    if tables.get("migrations", {}).get("version") != ("INTEGER", False):
        raise InvalidDatabase(f"The file {connection.path} is a DuckDB database, but not one of presage's.")
    found = int(connection.rows(f"SELECT coalesce(max(version), 0) FROM {connection.catalog}migrations")[0][0])
    check_known(f"The database {connection.path}", found)
    return found


def _checked(connection: Connection, found: int) -> dict[str, list[str]]:
    """Columns by table of experience, once they are seen to be those of the schema version, stored, and bounded."""
    fresh = in_memory(found)
    try:
        expected = {name: columns for name, columns in _columns(fresh, "memory").items() if name in RECORDS}
    finally:
        fresh.close()
    there = _columns(connection, "foreign_file")
    for table, columns in expected.items():
        if table not in there:
            raise InvalidDatabase(f"The database {connection.path} lacks the table `{table}`.")
        for name, (kind, computed) in columns.items():
            got = there[table].get(name)
            if got != (kind, computed):
                is_not = f"a column `{name}` of type {kind}" + (", which is stored" if got and got[1] else "")
                raise InvalidDatabase(f"The table `{table}` of the database {connection.path} lacks {is_not}.")
        names = ", ".join(f'"{name}"' for name in columns)
        stored = f"(SELECT {names} FROM {connection.catalog}{table})"
        rows_at_once(connection, stored, f"The table `{table}` of the database {connection.path}", kept=is_named(table))
    return {table: list(columns) for table, columns in expected.items()}


def _upgrade(connection: Connection, found: int, columns: dict[str, list[str]]) -> None:
    migrate(connection, found)
    for table, of in columns.items():
        names = ", ".join(f'"{name}"' for name in of)
        connection.run(f"INSERT INTO {table} ({names}) SELECT {names} FROM {connection.catalog}{table}")
    migrate(connection)
    connection.catalog = ""


def _columns(connection: Connection, catalog: str) -> dict[str, dict[str, tuple[str, bool]]]:
    """Base table → column → its type, and whether it is computed (or has a default) and not only stored."""
    found: dict[str, dict[str, tuple[str, bool]]] = {}
    for table, column, kind, rule in connection.rows(
        "SELECT table_name, column_name, data_type, column_default FROM duckdb_columns() c WHERE database_name = ? "
        "AND schema_name = 'main' AND table_oid IN (SELECT table_oid FROM duckdb_tables() t WHERE t.database_name = ? "
        "AND t.schema_name = 'main')",
        [catalog, catalog],
    ):
        found.setdefault(table, {})[column] = (kind, rule is not None)
    return found
