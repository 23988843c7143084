"""A search by prediction scores many cells and trains the few best; what was predicted stays beside the training."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.features import CELL_FEATURES, cell_features
from presage.architecture.recurrent.spaces import RnnDarts
from presage.errors import InvalidArgument, WrongInput
from presage.records.entries import TextExperimentEntry
from presage.search.recurrent import trained
from presage.search.recurrent.predicted import PredictedCell, predicted_cells, short_list
from presage.search.recurrent.strategies import ONE_BY_ONE
from presage.search.recurrent.trained import FoundCell, search_cells
from presage.surrogate.cells.predictor import CellPrediction, CellPredictor
from presage.training.text.recipe import TextRecipe
from presage.training.text.text_data import TextData, text_data
from presage.training.text.text_model import load_text_model

RECIPE = TextRecipe(epochs=1, batch=8, sequence_length=12, parameters=1500, embedding=8)
SPACE = RnnDarts(nodes=4)
TANH = CELL_FEATURES.index("tanh_nodes")


class CountsTanh(CellPredictor):
    """Says that every tanh costs a hundredth, and nothing else does."""

    def __init__(self, half_width: float = 0.05) -> None:
        self.half_width_, self.tau_, self.texts_, self.trainings_ = half_width, 0.5, 9, 100
        self.asked = 0

    def predict(self, cells: Sequence[RecurrentCell]) -> CellPrediction:
        self.asked += len(cells)
        value = 0.01 * cell_features(cells)[:, TANH]
        return CellPrediction(value, value - self.half_width_, value + self.half_width_, 0.0 * value)


@pytest.fixture(scope="module")
def data() -> TextData:
    numbers = random.Random(0)
    return text_data("".join(numbers.choice(("sun ", "moon ", "rain\n")) for _ in range(400)), "sky")


class Searched:
    """Calls of `search_cells` by prediction in one folder."""

    def __init__(self, data: TextData, folder: Path) -> None:
        self.data, self.folder = data, folder
        self.stored: list[TextExperimentEntry] = []
        self.predictor = CountsTanh()

    def search(self, **changes: Any) -> list[FoundCell]:
        given = {
            "strategy": "evolution", "candidates": 40, "shortlist": 3, "seed": 0, "space": SPACE, "recipe": RECIPE,
            "predictor": self.predictor, "store": self.stored.extend,
        } | changes  # fmt: skip
        return search_cells(self.data, run_folder=self.folder, progress=lambda *_: None, **given)


@pytest.mark.parametrize("strategy", ONE_BY_ONE)
def test_every_strategy_climbs_what_is_predicted(strategy: str) -> None:
    found = predicted_cells(SPACE, CountsTanh(), strategy=strategy, candidates=60, seed=1)
    again = predicted_cells(SPACE, CountsTanh(), strategy=strategy, candidates=60, seed=1)
    assert found == again
    assert len({one.cell for one in found}) == len(found) <= 60
    assert [one.value for one in found] == sorted(one.value for one in found)
    if strategy != "random":
        assert np.mean([one.value for one in found[:10]]) <= 0.015  # a random cell of four nodes has 2
    for one in found[:3]:
        cell = SPACE.cell(one.params)
        assert cell.hash == one.cell
        assert one.value == pytest.approx(0.01 * cell_features([cell])[0, TANH])
        assert one.upper == pytest.approx(one.value + 0.05)


def test_the_best_of_many_are_trained_and_said_before(data: TextData, tmp_path: Path) -> None:
    searched = Searched(data, tmp_path)
    found = searched.search()
    assert len(found) == len(searched.stored) == 3
    assert 10 < searched.predictor.asked <= 40
    scored = json.loads((tmp_path / "predicted.json").read_text())["cells"]
    by_hash = {one["cell"]: one for one in scored}
    for one in found:
        assert one.predicted is not None
        assert one.predicted["value"] == pytest.approx(by_hash[one.cell]["value"])
        assert one.value > 1  # bits, and no share beside a GRU
    best = load_text_model(tmp_path / "best")
    assert (best.cell.hash, best.value) == (found[0].cell, found[0].value)
    told = json.loads((tmp_path / "result.json").read_text())
    assert told["score"] == "predicted"
    assert told["predictor"] == searched.predictor.told


def test_a_search_that_is_done_trains_nothing_again_and_a_longer_list_goes_on(data: TextData, tmp_path: Path) -> None:
    searched = Searched(data, tmp_path)
    first = searched.search()
    asked = searched.predictor.asked
    assert searched.search() == first
    assert (len(searched.stored), searched.predictor.asked) == (3, asked)
    longer = searched.search(shortlist=5)
    assert {one.cell for one in first} < {one.cell for one in longer}
    assert (len(longer), len(searched.stored), searched.predictor.asked) == (5, 5, asked)


def test_a_training_that_was_stopped_is_taken_up_again(
    data: TextData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Searched(data, tmp_path / "a").search()
    stopped, real, begun = Searched(data, tmp_path / "b"), trained.train_text, list[str]()

    def killed(data: TextData, cell: RecurrentCell, *given: Any, **named: Any) -> Any:
        begun.append(cell.hash)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return real(data, cell, *given, **named)

    monkeypatch.setattr(trained, "train_text", killed)
    with pytest.raises(KeyboardInterrupt):
        stopped.search()
    found = stopped.search()
    assert begun[1] == begun[2]
    assert len(begun) == 4
    assert [(one.cell, one.value, one.predicted) for one in found] == [
        (one.cell, one.value, one.predicted) for one in whole
    ]


def test_a_cell_that_diverges_makes_room_for_the_next(
    data: TextData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, begun = trained.train_text, list[str]()

    def diverging(data: TextData, cell: RecurrentCell, *given: Any, **named: Any) -> Any:
        begun.append(cell.hash)
        found = real(data, cell, *given, **named)
        if len(begun) > 1:
            return found
        return replace(found, status="diverged", value=None, test_value=None, model=None, curve=(), train_losses=())

    monkeypatch.setattr(trained, "train_text", diverging)
    found = Searched(data, tmp_path).search()
    assert len(begun) == 4
    assert {one.cell for one in found} == set(begun[1:])


def cells(*values: float) -> Iterator[PredictedCell]:
    return (PredictedCell(f"{at}", {}, value, None, None, 0.0, value) for at, value in enumerate(values))


def test_cells_that_look_the_same_to_the_predictor_wait() -> None:
    listed = short_list(list(cells(0.1, 0.1, 0.2, 0.2, 0.3)))
    assert [one.cell for one in listed] == ["0", "2", "4", "1", "3"]


def test_an_interval_that_cannot_be_promised_is_none() -> None:
    (found, *_) = predicted_cells(SPACE, CountsTanh(np.inf), strategy="random", candidates=2, seed=0)
    assert (found.lower, found.upper) == (None, None)


def test_wrong_requests_are_refused(data: TextData, tmp_path: Path) -> None:
    searched = Searched(data, tmp_path)
    with pytest.raises(InvalidArgument, match="where cells are scored by prediction"):
        searched.search(strategy="enas")
    with pytest.raises(InvalidArgument, match="only then"):
        searched.search(shortlist=None)
    with pytest.raises(InvalidArgument, match="at least 1"):
        searched.search(shortlist=0)
    searched.search(candidates=5, shortlist=1)
    with pytest.raises(InvalidArgument, match="the same"):
        searched.search(predictor=None, shortlist=None)
    without_cells = json.dumps({"candidates": 5, "predictor": searched.predictor.told})
    for damaged in ('{"a', without_cells):
        (tmp_path / "predicted.json").write_text(damaged)
        with pytest.raises(WrongInput, match=r"predicted\.json"):
            searched.search(candidates=5, shortlist=1)
