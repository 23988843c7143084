"""The seed: the real experiments that presage ships as Parquet within the package, in ``database/seed/``."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from presage.database.connection import Connection
from presage.database.parquet import FILES, copy_parquet, read_parquet
from presage.database.write import ImportReport, Writer
from presage.errors import InvalidDatabase

__all__ = [
    "MANIFEST",
    "digest_of_files",
    "import_seed",
    "keep_empty",
    "seed_digest",
    "seed_experiments",
    "seed_is_due",
]

MANIFEST = "seed.json"


def seed_digest() -> str | None:
    """Digest of the shipped seed, from its manifest; None where this presage ships none."""
    digest = _manifest().get("digest")
    return None if digest is None else str(digest)


def seed_experiments() -> Traversable:
    """The Parquet file of the shipped seed's experiments; there is none where none are shipped."""
    return files("presage.database") / "seed" / "experiments.parquet"


def _manifest() -> dict[str, Any]:
    found = files("presage.database") / "seed" / MANIFEST
    kept: dict[str, Any] = json.loads(found.read_text(encoding="utf-8")) if found.is_file() else {}
    return kept


def import_seed(connection: Connection, *, only_if_empty: bool = False) -> ImportReport | None:
    """Take in the shipped seed, once for each version of it; None where there is nothing to do.

    With `only_if_empty`, a database that holds a row, or has taken in a seed before, is left as it is.

    What the user has measured stays: a seed's row that contradicts it is refused.

    Raises:
        InvalidDatabase: the shipped files are not those of the manifest.
    """
    if not seed_is_due(connection, only_if_empty=only_if_empty):
        return None
    digest, fresh = seed_digest(), _is_empty(connection)
    writer = Writer(connection)
    with as_file(files("presage.database") / "seed") as folder, connection.transaction():
        if digest_of_files(folder) != digest:
            raise InvalidDatabase(f"The shipped experience in {folder} is damaged. Install presage anew.")
        if fresh:  # nothing it could contradict, and its rows were checked before they were shipped
            counts = copy_parquet(connection, folder)
            report = ImportReport(counts.get("experiments", 0), counts.get("probes", 0))
        else:
            writer.write(read_parquet(folder, writer))
            report = writer.report()
        connection.run("INSERT INTO seeds VALUES (?, ?)", [digest, datetime.now(UTC).isoformat()])
    return report


def seed_is_due(connection: Connection, *, only_if_empty: bool = False) -> bool:
    """Whether `import_seed` would take it in."""
    digest = seed_digest()
    if digest is None or connection.rows("SELECT 1 FROM seeds WHERE digest = ?", [digest]):
        return False
    return not only_if_empty or (_is_empty(connection) and not connection.rows("SELECT 1 FROM seeds LIMIT 1"))


def _is_empty(connection: Connection) -> bool:
    return not any(connection.rows(f"SELECT 1 FROM {table} LIMIT 1") for table in FILES)


def keep_empty(connection: Connection) -> None:
    """Note that a new database is without the seed on purpose, and not because its maker was killed."""
    with connection.transaction():
        connection.run("INSERT INTO seeds VALUES ('none', ?)", [datetime.now(UTC).isoformat()])


def digest_of_files(folder: Path) -> str:
    """SHA-256 of the Parquet files of a folder, names and contents."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.parquet")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
