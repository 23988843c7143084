"""How far a search is, read from its run folder while it is written, stopped or finished."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from presage.errors import InvalidArgument, WrongInput
from presage.search.progress import SearchProgress
from presage.search.run.engine import load_candidates, run_search
from presage.search.run.run_folder import RunFolder
from presage.search.run.status import FINISHED, PREPARED, RUNNING, STOPPED, RunStatus, run_status
from presage.search.settings import SearchSettings
from presage.search.studies import journal
from presage.search.testing import TableScorer, TableTrainer, TinySpace
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

RECIPE = Recipe(epochs=2, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)


def search(dataset: ImageDataset, folder: Path, tell: Any, **changes: Any) -> None:
    settings = {"candidates": 60, "shortlist": 2, "batch": 20, "compare_random": 1, **changes}
    run_search(
        dataset, space=TinySpace(layers=2), recipe=RECIPE, settings=SearchSettings(**settings),
        scorer=lambda number, verified: TableScorer(), run_folder=folder, trainer=TableTrainer(RECIPE.epochs),
        on_progress=tell,
    )  # fmt: skip


def test_a_search_is_followed_while_it_runs(dataset: ImageDataset, tmp_path: Path) -> None:
    seen: list[tuple[str, RunStatus]] = []

    def tell(at: SearchProgress) -> None:
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        seen.append((at.stage, run_status(tmp_path)))
        assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}  # nothing is written

    search(dataset, tmp_path, tell)
    assert {status.state for _, status in seen} == {RUNNING}
    predicting = [status.stages[0] for stage, status in seen if stage == "predict"]
    assert [(one.name, one.total) for one in predicting] == [("candidates", 60)] * len(predicting)
    assert [one.done for one in predicting] == sorted(one.done for one in predicting)
    assert predicting[-1].done == 60
    assert predicting[-1].best is not None
    training = [status for stage, status in seen if stage == "train"]
    assert [one.status for one in training[0].networks] == ["training", "waiting", "waiting"]
    assert training[0].networks[0].epochs <= RECIPE.epochs
    assert training[-1].stages[1].done == training[-1].stages[1].total == 2

    done = run_status(tmp_path)
    assert done.state == FINISHED
    assert done.result is not None
    assert done.best is not None
    assert done.best.accuracy == done.result.best.accuracy  # type: ignore[union-attr]
    assert [(one.name, one.done, one.total) for one in done.stages] == [
        ("candidates", 60, 60), ("short-list", 2, 2), ("random baseline", 1, 1),
    ]  # fmt: skip
    assert {one.status for one in done.networks} == {"finished"}
    told = json.loads(json.dumps(done.to_json(), allow_nan=False))
    assert told["best"]["hash"] == done.best.chosen.hash
    assert len(told["networks"]) == 3


def test_a_search_that_was_stopped_says_so_and_what_it_has(dataset: ImageDataset, tmp_path: Path) -> None:
    def tell(at: SearchProgress) -> None:
        if at.stage == "train" and at.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(dataset, tmp_path, tell)
    status = run_status(tmp_path)
    assert status.state == STOPPED
    assert status.stages[0].done == 60
    assert [(one.status, one.epochs) for one in status.networks] == [("stopped", 1), ("waiting", 0), ("waiting", 0)]
    assert status.result is None
    assert not status.failed


def test_rounds_have_stages_of_their_own(dataset: ImageDataset, tmp_path: Path) -> None:
    search(dataset, tmp_path, lambda at: None, rounds=2, compare_random=0)
    names = [one.name for one in run_status(tmp_path).stages]
    assert names == [
        "candidates of round 1", "short-list of round 1", "candidates of round 2", "short-list of round 2",
    ]  # fmt: skip


def test_a_line_that_is_being_written_is_left_for_the_next_look(dataset: ImageDataset, tmp_path: Path) -> None:
    search(dataset, tmp_path, lambda at: None)
    journal = RunFolder(tmp_path).journal
    whole = run_status(tmp_path)
    with journal.open("ab") as stream:
        stream.write(b'{"op_code":4,"worker_id":"pre')
    assert run_status(tmp_path).stages == whole.stages
    assert journal.read_bytes().endswith(b'"pre')  # it is not ours to mend


def test_what_is_no_run_is_refused_and_what_is_damaged_named(dataset: ImageDataset, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InvalidArgument, match="hold a run that was begun"):
            run_status(path)
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "card.json").write_text('{"name": "blocks"}')
    assert (run_status(tmp_path).state, run_status(tmp_path).dataset) == (PREPARED, "blocks")
    run = tmp_path / "run"
    search(dataset, run, lambda at: None)
    for name in ("run.json", "result.json", "round-1/shortlist.json", "baseline.json"):
        copy = tmp_path / "copy"
        shutil.copytree(run, copy)
        (copy / name).write_text('{"settings": 3, "chosen": [{"hash": "../.."}]}')
        with pytest.raises(WrongInput):
            run_status(copy)
        shutil.rmtree(copy)


def test_all_candidates_of_a_large_study_are_counted(
    dataset: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "WHOLE", 30)
    search(dataset, tmp_path, lambda at: None)
    found = run_status(tmp_path)
    assert (found.stages[0].done, found.stages[0].total) == (60, 60)
    assert found.stages[0].best == load_candidates(tmp_path, TinySpace(layers=2)).value.max()
    assert 30 < len(found.scores[0]) < 60  # the journal's, which are drawn
