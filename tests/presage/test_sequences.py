"""Recurrent cells in Python: predicted, trained and searched as the commands do it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import presage
from presage.architecture.recurrent.published import published
from presage.architecture.recurrent.serial import dumps_cell
from presage.architecture.recurrent.spaces import RnnDarts
from presage.errors import InvalidArgument, InvalidDataset, UnknownName
from presage.search.recurrent.strategies import ON_SHARED_WEIGHTS, ONE_BY_ONE
from presage.steps.cell_search import HowSearched
from presage.training.text.recipe import TextRecipe
from presage.training.text.text_data import text_data
from presage.training.text.text_model import load_text_model

RECIPE = TextRecipe(epochs=1, batch=4, sequence_length=16, parameters=4000, embedding=8)


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    return {"database": tmp_path / "a.duckdb", "device": "cpu", "progress": False}


def words() -> str:
    numbers = random.Random(0)
    return "\n".join(" ".join(numbers.choices(("sun", "moon", "rises", "slowly"), k=5)) for _ in range(90))


def test_cells_are_trained_and_left_as_models(tmp_path: Path, given: dict[str, Any]) -> None:
    (tmp_path / "tale.txt").write_text(words(), encoding="utf-8")
    rows = presage.train_cells(
        tmp_path / "tale.txt", ["rnn", published("gru")], recipe=RECIPE, out=tmp_path / "models", **given
    )
    assert [row.cell for row in rows] == [published("rnn").hash, published("gru").hash]
    assert rows[0].model is not None
    assert load_text_model(rows[0].model).value == rows[0].value
    (alone,) = presage.train_cells(tmp_path / "tale.txt", "rnn", recipe=RECIPE, **given)
    assert (alone.value, alone.model) == (rows[0].value, None)


def test_a_search_by_prediction_and_one_by_training(tmp_path: Path, given: dict[str, Any]) -> None:
    data = text_data(words(), "tale")
    by = {"space": RnnDarts(nodes=2), "recipe": RECIPE, **given}
    found = presage.search_cells(data, candidates=15, shortlist=2, run_folder=tmp_path / "a", **by)
    assert (len(found.found), found.candidates) == (2, 15)
    assert all(one.predicted is not None for one in found.found)
    assert found.predictor is not None
    trained = presage.search_cells(data, score="trained", candidates=1, run_folder=tmp_path / "b", **by)
    assert trained.predictor is None
    assert [one.predicted for one in trained.found] == [None]
    told = presage.predict_cells(data, RnnDarts(nodes=2).cell(found.found[0].params), **given)
    assert found.found[0].predicted is not None
    assert told.cells[0].relative == pytest.approx(found.found[0].predicted["value"])


def test_a_cell_is_also_the_path_of_its_file(tmp_path: Path, given: dict[str, Any]) -> None:
    (tmp_path / "own.json").write_text(dumps_cell(published("rnn")), encoding="utf-8")
    (row,) = presage.train_cells(text_data(words(), "tale"), tmp_path / "own.json", recipe=RECIPE, **given)
    assert (row.name, row.cell) == (str(tmp_path / "own.json"), published("rnn").hash)


def test_what_is_no_cell_is_refused_before_anything_is_trained(given: dict[str, Any]) -> None:
    data = text_data(words(), "tale")
    wrong: Any
    for wrong in (3, ["gru", None]):
        with pytest.raises(InvalidArgument, match="be names, JSON files or"):
            presage.predict_cells(data, wrong, **given)
    with pytest.raises(InvalidArgument, match="be at least one"):
        presage.predict_cells(data, [], **given)
    assert not given["database"].exists()


def test_the_usual_of_a_search_serves_its_strategy() -> None:
    for strategy in (*ONE_BY_ONE, *ON_SHARED_WEIGHTS):
        how = HowSearched(strategy)
        assert how.by_prediction == (strategy in ONE_BY_ONE)
        assert how.usual_space == ("rnn_tree" if how.by_prediction else "rnn_darts")
    assert not HowSearched(score="trained").by_prediction
    assert (HowSearched().by, HowSearched(score="trained").by) == ("random", "evolution")


def test_wrong_requests_are_refused(tmp_path: Path, given: dict[str, Any]) -> None:
    (tmp_path / "short.txt").write_text("sun and moon")
    with pytest.raises(InvalidDataset, match="at least 64"):
        presage.predict_cells(tmp_path / "short.txt", "gru", **given)
    data = text_data(words(), "tale")
    with pytest.raises(UnknownName, match="lstm"):
        presage.train_cells(data, "lstn", **given)
    with pytest.raises(InvalidArgument, match="every candidate is trained"):
        presage.search_cells(data, score="trained", shortlist=3, **given)
    with pytest.raises(UnknownName, match="rnn_darts"):
        presage.search_cells(data, space="rnn_dart", **given)
