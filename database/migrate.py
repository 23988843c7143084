"""The schema, in numbered SQL files under `migrations/`: each applied in one transaction together with its record.

A migration is never edited once released; a change of the schema is a new file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from presage.database.connection import Connection
from presage.errors import InvalidDatabase

__all__ = ["Migration", "check_known", "latest", "migrate", "migrations", "version"]

_RECORDS = """
CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name VARCHAR NOT NULL, applied_at VARCHAR NOT NULL);
COMMENT ON TABLE migrations IS 'Steps of the schema that this file has taken.';
COMMENT ON COLUMN migrations.version IS 'number of the SQL file';
COMMENT ON COLUMN migrations.name IS 'its name';
COMMENT ON COLUMN migrations.applied_at IS 'when, ISO 8601 UTC';
"""


@dataclass(frozen=True)
class Migration:
    """One numbered SQL file."""

    version: int
    name: str
    sql: str


def migrations() -> tuple[Migration, ...]:
    """All migrations that this presage knows, in order."""
    folder = files("presage.database") / "migrations"
    sources = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple(Migration(int(f.name[:4]), f.name[5 : -len(".sql")], f.read_text(encoding="utf-8")) for f in sources)


def latest() -> int:
    """Newest schema version that this presage knows."""
    return migrations()[-1].version


_TABLES = "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND database_name = current_database()"

_VIEWS = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND database_name = current_database()"


def version(connection: Connection) -> int:
    """Schema version of an open file; 0 for one without tables.

    Raises:
        InvalidDatabase: where there are tables, and none of them is presage's, or a view stands for one that is.
    """
    tables = {name for (name,) in connection.rows(_TABLES)}
    if not tables:
        return 0
    if "migrations" not in tables:
        raise InvalidDatabase(f"The file {connection.path} is a DuckDB database, but not one of presage's.")
    ours = {"migrations", *(name for step in migrations() for name in re.findall(r"CREATE TABLE (\w+)", step.sql))}
    for (view,) in connection.rows(_VIEWS):
        if view in ours:
            raise InvalidDatabase(f"The database {connection.path} has a view in place of its table `{view}`.")
    return int(connection.rows("SELECT coalesce(max(version), 0) FROM migrations")[0][0])


def check_known(what: str, found: int) -> None:
    """Refuse a file of this schema version where this presage knows none so new.

    Args:
        what: what the file is, and where, as an error begins.

    Raises:
        InvalidDatabase: it is newer.
    """
    if found > latest():
        raise InvalidDatabase(
            f"{what} has schema version {found}, newer than this presage knows ({latest()}). Update presage."
        )


def migrate(connection: Connection, target: int | None = None) -> int:
    """Bring an open file to the newest schema (or to `target`, for tests); returns how many steps it took.

    Raises:
        InvalidDatabase: the file's schema is newer than this presage, or older and only open for reading.
    """
    found = version(connection)
    check_known(f"The database {connection.path}", found)
    due = [step for step in migrations() if found < step.version <= (target or latest())]
    if due and connection.read_only:
        raise InvalidDatabase(
            f"The database {connection.path} has schema version {found}, older than {latest()}. Open it once for "
            "writing."
        )
    for step in due:
        with connection.transaction():
            connection.script(_RECORDS)
            connection.script(step.sql)
            connection.run(
                "INSERT INTO migrations VALUES (?, ?, ?)", [step.version, step.name, datetime.now(UTC).isoformat()]
            )
    return len(due)


def in_memory(target: int | None = None) -> Connection:
    """A fresh database without a file, for comparing schemas."""
    connection = Connection(Path(":memory:"))
    migrate(connection, target)
    return connection
