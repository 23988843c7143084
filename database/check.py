"""Finding and naming damage: in the file, in the schema, in single rows, and between rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from presage.database.connection import Connection
from presage.database.merge import table_reader
from presage.database.migrate import in_memory, migrate, version
from presage.database.tables import RECORDS, entries_of_tables
from presage.errors import InvalidArgument, InvalidDatabase
from presage.places import user_path

__all__ = ["Damage", "check", "check_file"]


@dataclass(frozen=True)
class Damage:
    """What is wrong, and where: a table and a key, or the file."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def check_file(path: str | Path, wait_seconds: float = 10.0) -> list[Damage]:
    """Damage of a database file, also of one that cannot be opened; empty for a sound one. Changes nothing.

    Raises:
        DatabaseBusy: another process holds the file.
        InvalidArgument: there is no such file.
    """
    file = user_path(path)
    if not file.is_file():
        raise InvalidArgument("database", "check", "be an existing file", str(path))
    try:
        connection = Connection(file, wait_seconds, read_only=True)
    except InvalidDatabase as error:
        return [Damage(str(path), str(error))]
    try:
        migrate(connection)
        return check(connection)
    except InvalidDatabase as error:
        return [Damage(str(path), str(error))]
    finally:
        connection.close()


def check(connection: Connection) -> list[Damage]:
    """Damage of an open database: wrong schema, unreadable tables, rows that break a rule, dangling references."""
    found = list(_schema(connection))
    if found:
        return found  # rows cannot be judged by columns that are not there

    def refuse(where: str, why: object) -> None:
        found.append(Damage(where, str(why)))

    for table, kind in RECORDS.items():
        try:
            twice = connection.rows(
                f'SELECT "{kind.key}", count(*) FROM {table} GROUP BY 1 HAVING count(*) > 1 ORDER BY 1'
            )
        except InvalidDatabase as error:
            refuse(table, error)
            continue
        if not twice:
            found += _index(connection, table, kind.key)
        for key, times in twice:
            refuse(f"{table} {str(key)[:12]}…", f"The {kind.row} is there {times} times.")
    if not found:
        try:
            for _ in entries_of_tables(table_reader(connection), refuse):
                pass
        except InvalidDatabase as error:
            refuse(str(connection.path), error)
    return found


def _index(connection: Connection, table: str, key: str) -> list[Damage]:
    """Look every row up by the primary key's index, which reading the rows does not touch."""
    keys = [value for (value,) in connection.rows(f'SELECT "{key}" FROM {table}')]
    missing = 0
    try:
        connection.script("SET index_scan_percentage = 1.0; SET index_scan_max_count = 1000000")
        for start in range(0, len(keys), 2_000):
            chunk = keys[start : start + 2_000]
            marks = ", ".join("?" * len(chunk))  # a list, not a subquery: only that is looked up in the index
            seen = connection.rows(f'SELECT count(*) FROM {table} WHERE "{key}" IN ({marks})', chunk)
            missing += len(chunk) - int(seen[0][0])
    except InvalidDatabase as error:
        return [Damage(table, f"Its index cannot be read. {error}")]
    finally:
        with contextlib.suppress(InvalidDatabase):
            connection.script("RESET index_scan_percentage; RESET index_scan_max_count")
    return [Damage(table, f"Its index does not find {missing} rows.")] if missing else []


def _schema(connection: Connection) -> Iterator[Damage]:
    fresh = in_memory(version(connection))
    try:
        expected, actual = _columns(fresh), _columns(connection)
        keys, actual_keys = _keys(fresh), _keys(connection)
    finally:
        fresh.close()
    for table, columns in expected.items():
        if table not in actual:
            yield Damage(table, "The table is missing.")
            continue
        for column, data_type in columns.items():
            if column not in actual[table]:
                yield Damage(table, f"The column `{column}` is missing.")
            elif actual[table][column] != data_type:
                yield Damage(table, f"The column `{column}` must be {data_type}. It is {actual[table][column]}.")
        if keys.get(table) != actual_keys.get(table):
            yield Damage(table, f"The primary key must be {keys.get(table)}. It is {actual_keys.get(table)}.")


def _columns(connection: Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for table, column, data_type, nullable in connection.rows(
        "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() WHERE NOT internal "
        "AND database_name = current_database()"
    ):
        found.setdefault(table, {})[column] = data_type + ("" if nullable else " NOT NULL")
    return found


def _keys(connection: Connection) -> dict[str, str]:
    return {
        table: ", ".join(columns)
        for table, columns in connection.rows(
            "SELECT table_name, constraint_column_names FROM duckdb_constraints() "
            "WHERE constraint_type = 'PRIMARY KEY' AND database_name = current_database()"
        )
    }
