"""Trainings side by side give the search that trainings one after the other give, to the last digit."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from presage.database import Database
from presage.search.final.finishing import Finishing
from presage.search.final.settings import FinalSettings
from presage.search.run.engine import run_search
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.executors import side_by_side
from presage.training.side_by_side import SideBySide
from presage.training.workers import Workers
from tests.search.final.conftest import RECIPE, SPACE

FINAL = replace(RECIPE, epochs=6, train_images=None, test_images=None, image_side=12, batch=16)
TIMES = ("seconds", "tuning_seconds", "created_at")


def _search(
    dataset: ImageDataset, folder: Path, beside: SideBySide | None, final: FinalSettings | None = None, **settings: Any
) -> dict[str, Any]:
    with Database.open(folder.parent / f"{folder.name}.duckdb") as database:
        result = run_search(
            dataset, space=SPACE, recipe=RECIPE, run_folder=folder, database=database, device="cpu", beside=beside,
            settings=SearchSettings(**{"candidates": 40, "shortlist": 4, "batch": 20, "compare_random": 2, **settings}),
            scorer=lambda number, verified: TableScorer(), finish=Finishing(final or FinalSettings(FINAL, trials=3)),
        )  # fmt: skip
    return timeless(result.to_json() | {"folder": None})


def timeless(value: Any) -> Any:
    """All but how long things took."""
    if isinstance(value, dict):
        return {name: timeless(each) for name, each in value.items() if name not in TIMES}
    return [timeless(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("networks", [2, 4])
def test_final_trainings_side_by_side_come_to_the_same(dataset: ImageDataset, tmp_path: Path, networks: int) -> None:
    final = FinalSettings(FINAL, networks=networks, trials=0, side_by_side=True)
    found = {}
    for name, workers in (("one", 1), ("two", 2)):
        with side_by_side(workers, "cpu", tmp_path / name / ".workers") as beside:
            found[name] = _search(dataset, tmp_path / name, beside, final)
    assert len(found["two"]["final"]["trainings"]) == networks
    assert found["two"] == found["one"]


@pytest.mark.parametrize("settings", [{}, {"prune": True, "compare_random": 0}])
def test_a_search_is_the_same_on_every_executor(
    dataset: ImageDataset, tmp_path: Path, settings: dict[str, Any]
) -> None:
    found = {}
    for name, workers in (("one", 1), ("two", 2)):
        with side_by_side(workers, "cpu", tmp_path / name / ".workers") as beside:
            found[name] = _search(dataset, tmp_path / name, beside, **settings)
        assert not (tmp_path / name / ".workers").exists()
    with ThreadPoolExecutor(2) as mine, side_by_side(2, "cpu", tmp_path / "mine" / ".workers", mine) as beside:
        found["mine"] = _search(dataset, tmp_path / "mine", beside, **settings)
    assert json.dumps(found["two"]) == json.dumps(found["one"])
    assert json.dumps(found["mine"]) == json.dumps(found["one"])
    for folder in ("one", "two", "mine"):
        left = {path.name for path in (tmp_path / folder / "networks").rglob("*") if path.is_file()}
        assert not left & {"checkpoint.pt", "epochs.jsonl", "stop", "starts.json"}


def test_a_worker_that_is_killed_changes_nothing(dataset: ImageDataset, tmp_path: Path) -> None:
    with side_by_side(1, "cpu", tmp_path / "one" / ".workers") as beside:
        expected = _search(dataset, tmp_path / "one", beside)
    killed: list[int] = []

    def kill_one(pool: Workers) -> None:
        while not pool.process_ids:
            time.sleep(0.05)
        time.sleep(0.5)
        killed.append(pool.process_ids[0])
        os.kill(killed[0], signal.SIGKILL)

    with Workers(2) as pool, side_by_side(2, "cpu", tmp_path / "two" / ".workers", pool) as beside:
        thread = threading.Thread(target=kill_one, args=(pool,))
        thread.start()
        found = _search(dataset, tmp_path / "two", beside)
        thread.join()
    assert killed
    assert found == expected


def test_an_interrupted_search_goes_on_with_another_number_of_workers(dataset: ImageDataset, tmp_path: Path) -> None:
    with side_by_side(1, "cpu", tmp_path / "one" / ".workers") as beside:
        expected = _search(dataset, tmp_path / "one", beside)

    class Interrupted(SideBySide):
        asked = 0

        def result(self, *arguments: Any, **how: Any) -> Any:
            type(self).asked += 1
            if type(self).asked == 3:
                raise KeyboardInterrupt
            return super().result(*arguments, **how)

    with Workers(2) as pool:
        beside = Interrupted(pool, 2, "cpu", tmp_path / "two" / ".workers")
        with pytest.raises(KeyboardInterrupt):
            _search(dataset, tmp_path / "two", beside)
        beside.close()
    with side_by_side(1, "cpu", tmp_path / "two" / ".workers") as beside:
        assert _search(dataset, tmp_path / "two", beside) == expected
