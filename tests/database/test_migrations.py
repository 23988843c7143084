"""The schema: every step whole or not at all, never edited once released, and released files are upgraded."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from presage.database import Database
from presage.database.connection import Connection
from presage.database.migrate import Migration, in_memory, latest, migrate, migrations, version
from presage.database.schema import schema_markdown
from presage.database.tables import RECORDS
from presage.errors import InvalidDatabase
from presage.records.testing import experiment_entry, prediction_entry, probe_entry

FOLDER = Path(__file__).resolve().parent / "released"

DIGESTS = {
    1: "30871c266510e6dfbf7aa11115510d84d3cdfed2f457def4b4e0a42d1334ee17",
    2: "c48673465d9a805d5a87f379ab8620fc8cb51d700d70312419b578afa099ab52",
    3: "822f90e2299b63ca9cd1731ee61b25d9454ec2115eb825b5c01823056b78275a",
    4: "dfd5a20c75f5636f59d2f0d2785c351264261f5c453fe0016ae3ee8c0310d9bf",
    5: "d7841fdb3ccdbead7abedf49a6bae300ca3e514d1a67b499c8bd0cdd0452b290",
    6: "20c4f0351b12ae6fd7fa69e110a183980188da8cfb14d248241fd7c7cdf89f86",
}
"""SHA-256 of each released migration. A new migration adds a line; a changed line means that users' files break."""


def test_migrations_are_numbered_without_gaps_and_unchanged_since_release() -> None:
    assert [m.version for m in migrations()] == list(range(1, latest() + 1))
    assert {m.version: hashlib.sha256(m.sql.encode()).hexdigest() for m in migrations()} == DIGESTS


@pytest.mark.parametrize("released", range(1, latest() + 1))
def test_a_file_of_every_released_schema_is_upgraded_with_its_rows(released: int, tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    shutil.copyfile(FOLDER / f"schema_{released:04d}.duckdb", path)
    with Database.open(path) as database:
        assert version(database.connection) == latest()
        assert database.probes() == [probe_entry().probe]
        assert database.predictions() == [prediction_entry(1).prediction]
        stored = {e.identity: e for e in database.experiment_records()}
        for entry in (experiment_entry(1), experiment_entry(2, status="diverged")):
            assert stored[entry.experiment.identity] == entry.experiment
        assert database.check() == []
    with Database.open(tmp_path / "y.duckdb") as database:
        assert database.merge(FOLDER / f"schema_{released:04d}.duckdb").experiments == 2


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Database.open(tmp_path / "x.duckdb") as database:
        database.add_experiments([experiment_entry(1)])
    broken = Migration(latest() + 1, "broken", "CREATE TABLE half (a INTEGER); INSERT INTO nowhere VALUES (1);")
    monkeypatch.setattr("presage.database.migrate.migrations", lambda: (*migrations(), broken))
    connection = Connection(tmp_path / "x.duckdb")
    with pytest.raises(InvalidDatabase):
        migrate(connection)
    assert version(connection) == broken.version - 1
    assert connection.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'half'") == []
    connection.close()
    monkeypatch.undo()
    with Database.open(tmp_path / "x.duckdb") as database:
        assert len(database.experiments()) == 1


def test_an_older_schema_is_upgraded_on_opening_but_not_while_only_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.duckdb"
    with Database.open(path) as database:
        database.add_experiments([experiment_entry(1)])
    step = Migration(latest() + 1, "note", "CREATE TABLE notes (text VARCHAR);")
    known = (*migrations(), step)
    monkeypatch.setattr("presage.database.migrate.migrations", lambda: known)
    older = rf"has schema version {step.version - 1}, older than {step.version}. Open it once for writing"
    with pytest.raises(InvalidDatabase, match=older):
        Database.open(path, read_only=True)
    before = path.read_bytes()
    with Database.open(tmp_path / "y.duckdb") as other:
        assert other.merge(path).experiments == 1  # reads an upgraded copy
    assert path.read_bytes() == before
    with Database.open(path) as database:
        assert version(database.connection) == step.version
    with Database.open(path, read_only=True) as database:
        assert len(database.experiments()) == 1


def test_columns_of_tables_are_the_fields_of_records_and_all_are_explained() -> None:
    connection = in_memory()
    for table, kind in RECORDS.items():
        found = connection.rows(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table]
        )
        assert [name for name, _ in found if name != "id"] == kind.column_names()
        assert all(comment for _, comment in found)
    connection.close()


def test_the_schema_for_the_docs_names_every_column() -> None:
    text = schema_markdown()
    assert "### `experiments`" in text
    assert "| `accuracy` | DOUBLE, or null | trained accuracy on the validation images" in text
    assert "None" not in text
