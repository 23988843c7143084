"""A search by trained score trains each cell once, goes on where it was stopped, and leaves the best network."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from presage.architecture.recurrent.spaces import RnnDarts, RnnEnas, RnnTree
from presage.errors import InvalidArgument, UnknownName
from presage.records.entries import TextExperimentEntry
from presage.search.recurrent.strategies import ONE_BY_ONE
from presage.search.recurrent.trained import FoundCell, search_cells
from presage.training.text.recipe import TextRecipe
from presage.training.text.text_data import TextData, text_data
from presage.training.text.text_model import load_text_model

RECIPE = TextRecipe(epochs=1, batch=8, sequence_length=12, parameters=1500, embedding=8)


@pytest.fixture(scope="module")
def data() -> TextData:
    numbers = random.Random(0)
    return text_data("".join(numbers.choice(("sun ", "moon ", "rain\n")) for _ in range(400)), "sky")


class Searched:
    """Calls of `search_cells` in one folder."""

    def __init__(self, data: TextData, folder: Path) -> None:
        self.data, self.folder = data, folder
        self.stored: list[TextExperimentEntry] = []

    def search(self, stop_after: int | None = None, **changes: Any) -> list[FoundCell]:
        def store(entries: Any) -> None:
            self.stored += entries
            if stop_after is not None and len(self.stored) >= stop_after:
                raise KeyboardInterrupt

        given = {
            "strategy": "random",
            "candidates": 4,
            "seed": 0,
            "space": RnnDarts(nodes=2),
            "recipe": RECIPE,
        } | changes
        return search_cells(self.data, run_folder=self.folder, store=store, progress=lambda *_: None, **given)


@pytest.mark.parametrize("strategy", ONE_BY_ONE)
def test_every_strategy_trains_as_many_cells_as_asked_and_no_cell_twice(
    data: TextData, tmp_path: Path, strategy: str
) -> None:
    searched = Searched(data, tmp_path)
    found = searched.search(strategy=strategy, candidates=6)
    assert len(found) == len({one.cell for one in found}) == len(searched.stored) == 6
    assert [one.value for one in found] == sorted(one.value for one in found)
    best = load_text_model(tmp_path / "best")
    assert (best.cell.hash, best.value) == (found[0].cell, found[0].value)
    assert RnnDarts(nodes=2).cell(found[0].params).hash == found[0].cell


def test_a_search_that_was_stopped_goes_on_and_ends_as_one_that_was_not(data: TextData, tmp_path: Path) -> None:
    whole = Searched(data, tmp_path / "a").search(strategy="evolution")
    stopped = Searched(data, tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        stopped.search(stop_after=2, strategy="evolution")
    found = stopped.search(strategy="evolution")
    assert len(found) == len(whole) == 4
    assert len(stopped.stored) <= 6


def test_more_candidates_go_on_from_those_that_are_there(data: TextData, tmp_path: Path) -> None:
    searched = Searched(data, tmp_path)
    first = searched.search(candidates=2)
    second = searched.search(candidates=4)
    assert {one.cell for one in first} <= {one.cell for one in second}
    assert len(searched.stored) == 4


def test_a_small_space_is_searched_to_its_end(data: TextData, tmp_path: Path) -> None:
    found = Searched(data, tmp_path).search(space=RnnDarts(nodes=1), candidates=20)
    assert 2 <= len(found) <= 4


def test_shared_weights_propose_what_is_trained(data: TextData, tmp_path: Path) -> None:
    found = Searched(data, tmp_path / "enas").search(strategy="enas", space=RnnEnas(nodes=3), candidates=2)
    assert len(found) == 2
    assert all(one.proxy is not None and one.proxy > 0 for one in found)
    for strategy in ("darts-first", "darts-second"):
        found = Searched(data, tmp_path / strategy).search(strategy=strategy, candidates=3)
        assert len(found) == 1
        assert RnnDarts(nodes=2).cell(found[0].params).hash == found[0].cell


def test_another_search_in_the_same_folder_is_refused(data: TextData, tmp_path: Path) -> None:
    searched = Searched(data, tmp_path)
    searched.search(candidates=1)
    with pytest.raises(InvalidArgument, match="the same seed"):
        searched.search(seed=1)
    with pytest.raises(InvalidArgument, match="the same space"):
        searched.search(space=RnnTree(leaves=2))


def test_wrong_requests_are_refused(data: TextData, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="evolution"):
        Searched(data, tmp_path / "a").search(strategy="evolutoin")
    with pytest.raises(InvalidArgument, match="rnn_enas or rnn_darts"):
        Searched(data, tmp_path / "b").search(strategy="enas", space=RnnTree(leaves=2))
    with pytest.raises(InvalidArgument, match="be rnn_darts"):
        Searched(data, tmp_path / "c").search(strategy="darts-first", space=RnnEnas(nodes=2))
