"""PredictedRows and trainings as lists, tables and frames."""

from __future__ import annotations

import copy
import importlib.util
import pickle
import sys
from types import ModuleType
from typing import Any

import pytest

from presage.results import PredictedRows, TrainedRows
from presage.steps.prediction import Predicted
from presage.steps.training import Trained


def predicted(name: str, accuracy: float, **changes: Any) -> Predicted:
    told: dict[str, Any] = {"trained": None, "extrapolation": "within", "distance": 0.0, **changes}
    return Predicted(name, "ab" * 32, accuracy, accuracy - 0.1, accuracy + 0.05, 0.9, 11_200_000, 40_000_000, **told)


ROWS = PredictedRows(
    [
        predicted("small", 0.7, trained=0.72),
        predicted("<b>large</b>", 0.8, extrapolation="beyond", distance=0.75, notes=("the stem was changed",)),
    ],
    "16 px, 12 epochs",
    ["The recipe is richer than any known."],
)


def test_predictions_are_a_list_that_prints_as_a_table() -> None:
    assert list(ROWS) == ROWS
    lines = repr(ROWS).splitlines()
    assert lines[0].split() == [
        "network",
        "predicted",
        "interval",
        "extrapolates",
        "trained",
        *("parameters", "multiply-adds"),
    ]
    assert lines[2].split() == ["small", "0.700", "0.600", "to", "0.750", "within", "0.720", "11.2M", "40M"]
    assert lines[4:] == [
        "Recipe: 16 px, 12 epochs.",
        "The recipe is richer than any known.",
        "<b>large</b>: the stem was changed.",
    ]
    assert repr(ROWS[0]) == "Predicted(small: 0.700, 90% interval 0.600 to 0.750)"
    assert repr(PredictedRows()) == "PredictedRows([])"


def test_a_slice_keeps_recipe_and_notes_and_so_do_copies() -> None:
    for one in (ROWS[:1], copy.copy(ROWS), pickle.loads(pickle.dumps(ROWS))):
        assert isinstance(one, PredictedRows)
        assert (one.recipe_words, one.notes) == (ROWS.recipe_words, ROWS.notes)
    assert ROWS[:1] == [ROWS[0]]


def test_the_best_and_what_is_beyond_experience_are_told() -> None:
    assert ROWS.best is ROWS[1]
    assert [row.beyond_experience for row in ROWS] == [False, True]


def test_a_notebook_shows_a_table_with_pictures_and_notes() -> None:
    page = ROWS._repr_html_()
    assert page.count("<svg") == 2
    assert "90% interval" in page
    assert "&lt;b&gt;large&lt;/b&gt;: the stem was changed." in page
    assert "<b>large" not in page
    assert "<table>" in PredictedRows()._repr_html_()


def test_trainings_say_how_they_ended() -> None:
    told = {"test_accuracy": None, "parameters": 10, "multiply_adds": 20, "seconds": 1.0, "failure": None}
    rows = TrainedRows(
        [
            Trained(name="a", hash="c" * 64, status="finished", accuracy=0.9, reused=True, **told),
            Trained(name="b", hash="d" * 64, status="diverged", accuracy=None, **told),
        ]
    )
    assert repr(rows).splitlines()[2].startswith("a (known already)")
    assert [repr(row) for row in rows] == ["Trained(a: 0.900)", "Trained(b: diverged)"]


def test_a_frame_is_a_duckdb_relation_where_pandas_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    found = importlib.util.find_spec
    monkeypatch.setattr("presage.database.frames.find_spec", lambda name: None if name == "pandas" else found(name))
    frame = ROWS.to_frame()
    assert frame.columns[:3] == ["name", "hash", "accuracy"]
    assert frame.query("frame", "SELECT name FROM frame WHERE trained IS NULL").fetchall() == [("<b>large</b>",)]
    table = pyarrow.table(frame).to_pylist()
    assert table[0]["trained"] == 0.72
    assert table[1]["notes"] == "the stem was changed"
    assert table[1]["parameters"] == 11_200_000
    assert len(PredictedRows().to_frame()) == 0


def test_a_frame_is_pandas_own_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = ModuleType("pandas")
    pandas.DataFrame = lambda rows, columns: [dict(zip(columns, row, strict=True)) for row in rows]  # type: ignore[attr-defined] # as far as it is asked for
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    monkeypatch.setattr("presage.database.frames.find_spec", lambda name: object())
    frame = ROWS.to_frame()
    assert isinstance(frame, list)
    assert [row["accuracy"] for row in frame] == [0.7, 0.8]
