"""Queries of a user's own, and what comes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from presage.database import Database
from presage.errors import InvalidArgument
from presage.records.testing import experiment_entry


@pytest.fixture
def database(tmp_path: Path) -> Database:
    opened = Database.open(tmp_path / "some.duckdb")
    opened.add_experiments([experiment_entry(number) for number in range(25)])
    return opened


def test_an_answer_is_rows_under_names_and_prints_as_a_table(database: Database) -> None:
    answer = database.sql("SELECT seed, accuracy FROM experiments WHERE accuracy > ? ORDER BY seed", [0.0])
    assert answer.columns == ("seed", "accuracy")
    assert len(answer) == len(list(answer)) == 25
    lines = repr(answer).splitlines()
    assert lines[0].split() == ["seed", "accuracy"]
    assert len(lines) == 2 + 20 + 1
    assert lines[-1] == "… and 5 more of 25 rows"
    assert answer._repr_html_().count("<tr>") == 21
    assert repr(database.sql("SELECT name FROM datasets WHERE false")).split() == ["name", "----"]


def test_an_answer_becomes_a_frame_with_its_types(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presage.database.frames.find_spec", lambda name: None)
    query = "SELECT seed, accuracy, created_at, curve, seed, NULL AS none, {'a': 1} AS nested FROM experiments LIMIT 3"
    frame = database.sql(query).to_frame()
    assert frame.columns == ["seed", "accuracy", "created_at", "curve", "seed_2", "none", "nested"]
    assert list(map(str, frame.types))[:5] == ["BIGINT", "DOUBLE", "VARCHAR", "DOUBLE[]", "BIGINT"]
    assert frame.query("frame", "SELECT min(seed = seed_2) FROM frame").fetchall() == [(True,)]


def test_the_dcn_query_becomes_a_frame(database: Database) -> None:
    columns = database.experiments()
    frame = columns.to_frame()
    assert len(frame) == 25
    assert repr(columns) == "ExperimentColumns(25 experiments on 1 datasets)"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "must be one SELECT"),
        ("SELECT 1; SELECT 2", "must be one SELECT"),
        ("DELETE FROM experiments", "must be one SELECT"),
        ("DROP TABLE experiments", "must be one SELECT"),
        ("ATTACH 'other.duckdb'", "must be one SELECT"),
        ("COPY experiments TO 'out.csv'", "must be one SELECT"),
        ("SELEKT 1", "must be one SELECT that DuckDB reads"),
        ("SELECT nothing FROM experiments", "must be one that can be answered"),
        ("SELECT 1 FROM nowhere", "nowhere"),
    ],
)
def test_what_is_no_question_is_refused_in_one_line(database: Database, query: str, said: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        database.sql(query)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert len(database.experiments()) == 25
