"""What somebody else's tables may hold, and how much of it is in memory at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from presage.database import Database, bounds, write
from presage.database.bounds import rows_at_once
from presage.database.connection import Connection
from presage.errors import InvalidDatabase
from presage.records.testing import experiment_entry


@pytest.fixture
def connection() -> Iterator[Connection]:
    found = Connection(Path(":memory:"))
    yield found
    found.close()


@pytest.mark.parametrize(
    ("column", "rows"),
    [
        ("1", 5_000),
        ("repeat('x', 100)", 5_000),
        ("repeat('x', 1048576)", 128),
        ("repeat('é', 1048576)", 64),
        ("repeat('x', 16777216)", 8),
        ("range(1048576)", 16),
        ("[repeat('x', 1048568), NULL]", 128),
        ("NULL::VARCHAR", 5_000),
    ],
)
def test_as_many_rows_are_fetched_at_once_as_are_128_mebibytes(connection: Connection, column: str, rows: int) -> None:
    assert rows_at_once(connection, f"(SELECT {column} AS c FROM range(3))", "The file x") == rows


@pytest.mark.parametrize(
    ("column", "line"),
    [
        (
            "repeat('x', 16777217)",
            "The column `c` of the file x must hold at most 16,777,216 bytes in a row to be taken",
        ),
        ("range(3000000)", "It holds 24,000,000."),
        ("{'a': 1}", "The column `c` of the file x must hold values, or lists of them."),
        ("[[1]]", "The column `c` of the file x must hold values, or lists of them."),
    ],
)
def test_what_no_table_holds_is_refused_by_its_column(connection: Connection, column: str, line: str) -> None:
    with pytest.raises(InvalidDatabase) as refused:
        rows_at_once(connection, f"(SELECT {column} AS c)", "The file x")
    assert line in str(refused.value)


def test_all_texts_that_are_kept_are_bounded_together(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_KEPT", 299)
    relation = "(SELECT repeat('x', 100) AS c FROM range(3))"
    assert rows_at_once(connection, relation, "The file x") == 5_000
    with pytest.raises(InvalidDatabase, match="The file x must hold at most 299 bytes of text"):
        rows_at_once(connection, relation, "The file x", kept=True)


def test_large_entries_are_written_in_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, before = [], write.Writer._write_batch

    def counted(self: write.Writer, batch: list[write.Placed]) -> None:
        sizes.append(len(batch))
        before(self, batch)

    monkeypatch.setattr(write.Writer, "_write_batch", counted)
    monkeypatch.setattr(write, "_HEAVY", 3_000)  # two of them are 3,104
    with Database.open(tmp_path / "x.duckdb", from_seed=False) as database:
        database.add_experiments([experiment_entry(number, device="x" * 1_000) for number in range(5)])
        assert len(database.experiment_records()) == 5
    assert sizes == [2, 2, 1]
