"""Somebody else's database file is data: nothing that it holds is run, and no other file is read for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from presage.database import Database, bounds, foreign
from presage.errors import InvalidDatabase
from presage.records.testing import dataset_record, experiment_entry, probe_entry

RELEASED = sorted((Path(__file__).parent / "released").glob("*.duckdb"))


def foreign_file(path: Path, *statements: str) -> Path:
    with Database.open(path) as database:
        database.add_experiments([experiment_entry(i, dataset=dataset_record("theirs")) for i in range(3)])
        database.add_probe(probe_entry())
    with duckdb.connect(str(path)) as raw:
        for statement in statements:
            raw.execute(statement)
    return path


def merged(tmp_path: Path, path: Path) -> list[str]:
    """Names of the datasets that the file brings."""
    with Database.open(tmp_path / "mine.duckdb") as database:
        database.merge(path)
        return sorted({record.name for record in database.datasets()})


def refusal(tmp_path: Path, path: Path) -> str:
    with Database.open(tmp_path / "mine.duckdb") as database:
        with pytest.raises(InvalidDatabase) as caught:
            database.merge(path)
        assert database.datasets() == []
    return str(caught.value)


def test_a_view_in_place_of_a_table_reads_no_file_of_the_user(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the user's own", encoding="utf-8")
    view = (
        "CREATE VIEW datasets AS SELECT repeat('0', 64) AS fingerprint, content AS name, 2 AS classes, 1 AS channels, "
        f"8 AS height, 8 AS width, 10 AS train_images, 0 AS test_images FROM read_text('{secret}')"
    )
    path = foreign_file(tmp_path / "theirs.duckdb", "ALTER TABLE datasets RENAME TO renamed", view)
    assert refusal(tmp_path, path) == f"The database {path} lacks the table `datasets`."
    with pytest.raises(InvalidDatabase, match="has a view in place of its table `datasets`"):
        Database.open(path)


def test_a_view_that_never_ends_is_refused_at_once(tmp_path: Path) -> None:
    endless = "CREATE VIEW probes AS WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM r) SELECT * FROM r"
    path = foreign_file(tmp_path / "theirs.duckdb", "DROP TABLE probes", endless)
    began = time.process_time()
    assert "lacks the table `probes`" in refusal(tmp_path, path)
    assert time.process_time() - began < 5


def test_macros_of_the_file_stand_for_no_function_of_ours(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("12", encoding="utf-8")
    stolen = f"(SELECT content FROM read_text('{secret}'))"
    macros = [f"CREATE MACRO {name}(x) AS {stolen}" for name in ("max", "count", "strlen", "sha256")]
    macros += [f"CREATE MACRO coalesce(x, y) AS {stolen}", f"CREATE MACRO len(x) AS {stolen}"]
    assert merged(tmp_path, foreign_file(tmp_path / "theirs.duckdb", *macros)) == ["digits", "theirs"]


def test_computed_columns_are_none_of_the_schema(tmp_path: Path) -> None:
    computed = (
        "CREATE TABLE datasets (fingerprint VARCHAR, name VARCHAR GENERATED ALWAYS AS (repeat('x', 1000000000)), "
        "classes INTEGER, channels INTEGER, height INTEGER, width INTEGER, train_images BIGINT, test_images BIGINT)"
    )
    path = foreign_file(tmp_path / "theirs.duckdb", "DROP TABLE datasets", computed)
    assert f"`datasets` of the database {path} lacks a column `name` of type VARCHAR, which" in refusal(tmp_path, path)


def test_columns_of_another_type_are_refused_by_name(tmp_path: Path) -> None:
    path = foreign_file(tmp_path / "theirs.duckdb", "ALTER TABLE probes ALTER dcn TYPE VARCHAR")
    assert "lacks a column `dcn` of type DOUBLE" in refusal(tmp_path, path)


def test_rows_and_values_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = foreign_file(tmp_path / "theirs.duckdb", "UPDATE datasets SET name = repeat('x', 20000000)")
    assert "`name` of the table `datasets`" in refusal(tmp_path, path)
    path = foreign_file(tmp_path / "more.duckdb")
    monkeypatch.setattr(bounds, "MOST_ROWS", 2)
    assert refusal(tmp_path, path).endswith("must have at most 2 rows to be taken in. It has 3.")


def test_more_memory_than_a_table_takes_is_not_to_be_had(tmp_path: Path) -> None:
    path = foreign_file(tmp_path / "theirs.duckdb")
    with foreign.opened_as_data(path) as connection:
        with pytest.raises(InvalidDatabase, match="cannot be read as data: Out of Memory"):
            connection.rows("SELECT list(i) FROM range(1000000000) t(i)")
        for statement in ("SELECT * FROM read_text('/etc/hostname')", "ATTACH 'other' AS more", "SET threads = 2"):
            with pytest.raises(InvalidDatabase, match=r"cannot be read as data: (Permission Error|Invalid Input)"):
                connection.rows(statement)


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_files_of_every_released_schema_are_read_as_data(path: Path) -> None:
    with foreign.opened_as_data(path) as connection:
        count = connection.rows(f"SELECT count(*) FROM {connection.catalog}experiments")
        version = connection.rows("SELECT count(*) FROM duckdb_columns() WHERE column_name = 'source'")
    assert count == [(2,)]
    assert version[0][0] >= 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:4096] + b"\0" * 4096 + content[8192:],
        lambda content: content[:12_288] + bytes(len(content) - 12_288),
    ],
    ids=["cut", "header", "blocks"],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = foreign_file(tmp_path / "theirs.duckdb")
    path.write_bytes(damage(path.read_bytes()))
    assert str(path) in refusal(tmp_path, path)
