"""Folds in worker processes: the same results and files as here, resumed, and tried again where a worker is killed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage.errors import InvalidArgument, StorageFull
from presage.files import writing
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.snapshot import load_snapshot, save_snapshot
from presage.surrogate.evaluation import in_workers, leaving_out
from presage.surrogate.evaluation.leaving_out import leave_out
from presage.surrogate.evaluation.matrix_study import study_matrix
from presage.surrogate.evaluation.shots import ShotPlan
from presage.surrogate.predictors import boosted_trees
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean
from presage.surrogate.predictors.boosted_trees import BoostedTrees
from presage.surrogate.predictors.ensemble import Ensemble
from presage.surrogate.predictors.fitting import fit_all
from presage.surrogate.predictors.side_by_side import is_alone, one_at_a_time, side_by_side
from presage.surrogate.testing import synthetic_experience
from presage.training.workers import WorkerDied, Workers

PLAN = ShotPlan(counts=(4, 8), draws=2, least_scored=5)


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(4, 20)


class Counting(Executor):
    """Calls at once, as plain objects, and counts."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.calls.append(args[-1])
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def test_experience_in_a_file_is_the_same_experience(experience: Experience, tmp_path: Path) -> None:
    given = experience.take(np.arange(10, 60))
    read = dict(given.__dict__)
    depths = tuple((0.25, 0.5)[: row % 3] for row in range(50))
    given = Experience(
        **{**{k: v for k, v in read.items() if k in Experience.__match_args__}, "depth_accuracies": depths}
    )
    save_snapshot(given, tmp_path / "one.npz")
    found = load_snapshot(tmp_path / "one.npz")
    assert found.digest == given.digest
    assert found.tasks == given.tasks
    np.testing.assert_array_equal(found.features, given.features)
    np.testing.assert_array_equal(found.sequences.layers, given.sequences.layers)


def test_worker_processes_find_what_is_found_here_and_keep_the_same_folds(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [CostOnly(), Ensemble(members="cost-only,dataset-mean", folds=2)]
    how: dict[str, Any] = {"shots": PLAN, "few_shot": ["cost-only"]}
    here = leave_out(experience, asked, cache=tmp_path / "here", **how)
    told: list[tuple[int, int]] = []
    with Workers(2) as workers:
        there = leave_out(
            experience,
            asked,
            cache=tmp_path / "there",
            progress=lambda *done: told.append(done),
            executor=workers,
            **how,
        )
    assert [one.to_json() for one in there] == [one.to_json() for one in here]
    kept = {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()} == kept
    assert told == [(done, 4) for done in range(5)]
    monkeypatch.setattr(leaving_out, "_fold", None)  # all are read
    again = Counting()
    assert len(leave_out(experience, asked, cache=tmp_path / "here", executor=again, **how)) == 4
    assert not again.calls


@pytest.mark.parametrize("damaged", ["{torn", "{}", "[]", "[[1]]"])
def test_only_missing_folds_are_asked_for(experience: Experience, tmp_path: Path, damaged: str) -> None:
    whole = leave_out(experience, [CostOnly()], cache=tmp_path)
    for path in sorted(tmp_path.iterdir())[:2]:
        path.write_text(damaged)
    counting, told = Counting(), list[tuple[int, int]]()
    found = leave_out(
        experience, [CostOnly()], cache=tmp_path, executor=counting, progress=lambda *done: told.append(done)
    )
    assert len(counting.calls) == 2
    assert [one.to_json() for one in found] == [one.to_json() for one in whole]
    assert told == [(0, 4), (3, 4), (4, 4)]


def test_without_a_folder_of_folds_workers_find_the_same(experience: Experience) -> None:
    counting = Counting()
    found = leave_out(experience, [CostOnly()], executor=counting)
    assert len(counting.calls) == 4
    wanted = leave_out(experience, [CostOnly()])
    for one, other in zip(found, wanted, strict=True):
        assert one.to_json() == other.to_json()
    assert not Path(counting.calls[0]["path"]).parent.exists()
    assert not Path(counting.calls[0]["experience"]).exists()


def test_the_matrix_is_the_same_by_workers(experience: Experience, tmp_path: Path) -> None:
    here = study_matrix(experience, CostOnly(), folds=2, draws=1, cache=tmp_path / "here")
    counting = Counting()
    there = study_matrix(experience, CostOnly(), folds=2, draws=1, cache=tmp_path / "there", executor=counting)
    assert len(counting.calls) > 1
    assert there.to_json() == here.to_json()
    kept = {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()} == kept


def test_a_folder_of_folds_that_cannot_be_made_is_refused_before_any_is_worked_out(
    experience: Experience, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    counting = Counting()
    with pytest.raises(NotADirectoryError):
        leave_out(experience, [CostOnly()], cache=tmp_path / "file" / "folds", executor=counting)
    assert not counting.calls


class KilledOnce(CostOnly):
    """Its first worker dies of it."""

    name = "killed-once"

    def _learn(self, experience: Experience) -> None:
        try:
            Path(os.environ["PRESAGE_TEST_KILLED"]).touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)
        except FileExistsError:
            super()._learn(experience)


class KilledAlways(CostOnly):
    """Every worker dies of it."""

    name = "killed-always"

    def _learn(self, experience: Experience) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_fold_whose_worker_is_killed_is_tried_again_once(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESAGE_TEST_KILLED", str(tmp_path / "killed"))
    with Workers(1) as workers:
        found = leave_out(experience, [KilledOnce()], folds=2, cache=tmp_path / "folds", executor=workers)
    assert (tmp_path / "killed").exists()
    assert len(found) == 4
    with Workers(1) as workers, pytest.raises(WorkerDied):
        leave_out(experience, [KilledAlways()], folds=2, cache=tmp_path / "folds", executor=workers)


class Endless(CostOnly):
    """Never done."""

    name = "endless"

    def _learn(self, experience: Experience) -> None:
        Path(os.environ["PRESAGE_TEST_BEGUN"]).touch()
        time.sleep(600)


def evaluate_without_end(folder: str) -> None:
    """What a process does that is killed at it."""
    with Workers(2) as workers:
        leave_out(synthetic_experience(4, 20), [Endless()], folds=2, cache=Path(folder), executor=workers)


def test_a_killed_evaluation_leaves_nothing_that_it_learned_from(tmp_path: Path) -> None:
    temporary, begun = tmp_path / "temporary", tmp_path / "begun"
    temporary.mkdir()
    call = f"from {__name__} import evaluate_without_end as run; run({str(tmp_path / 'folds')!r})"
    environment = {**os.environ, "TMPDIR": str(temporary), "PRESAGE_TEST_BEGUN": str(begun)}
    process = subprocess.Popen([sys.executable, "-c", call], env=environment)
    try:
        _until(begun.exists)
        assert [path.name.startswith("presage-experience-") for path in temporary.iterdir()] == [True]
    finally:
        process.kill()
        process.wait()
    _until(lambda: not any(temporary.iterdir()))


def _until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


class OnAFullDisk(CostOnly):
    """Whose worker has no room for what it finds."""

    name = "on-a-full-disk"

    def _learn(self, experience: Experience) -> None:
        with writing(Path("folds")):
            raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_of_a_worker_is_said_as_one_of_here(experience: Experience, tmp_path: Path) -> None:
    with Workers(1) as workers, pytest.raises(StorageFull, match=r"^The disk is full .*: folds"):
        leave_out(experience, [OnAFullDisk()], folds=2, cache=tmp_path / "folds", executor=workers)


def test_a_predictor_that_workers_cannot_import_is_refused(experience: Experience) -> None:
    class Local(CostOnly):
        name = "local"

    with pytest.raises(InvalidArgument, match="importable by name"):
        leave_out(experience, [Local()], executor=Counting())
    with pytest.raises(InvalidArgument, match="be predictors"):
        in_workers.make("os", "system", {})


def test_in_a_worker_parts_run_one_after_another(experience: Experience, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    used: set[int] = set()

    def part() -> None:
        used.add(threading.get_ident())

    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    with one_at_a_time():
        assert is_alone()
        side_by_side([part] * 8)
        monkeypatch.setattr(DatasetMean, "_learn", lambda self, given: part() or setattr(self, "mean_", 0.0))
        monkeypatch.setattr(DatasetMean, "estimate_left_out", lambda *_: part())
        monkeypatch.setattr(DatasetMean, "_calibrate", lambda *_: part())
        fit_all([DatasetMean(), DatasetMean(), DatasetMean()], experience)
    assert used == {threading.get_ident()}
    assert not is_alone()


def test_lightgbm_has_one_thread_where_parts_run_side_by_side(
    experience: Experience, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them at once share a number of threads that belongs to the process, and crash."""
    import lightgbm

    asked: list[int] = []
    train = lightgbm.train

    def noted(settings: dict[str, Any], *given: Any, **how: Any) -> Any:
        asked.append(settings["num_threads"])
        return train(settings, *given, **how)

    monkeypatch.setattr(lightgbm, "train", noted)
    monkeypatch.setattr(boosted_trees, "FEW_ROWS", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    BoostedTrees(trees=2, bags=1)._learn(experience)
    assert set(asked) == {0}
    asked.clear()
    side_by_side([lambda: BoostedTrees(trees=2, bags=1)._learn(experience)] * 2)
    assert asked
    assert set(asked) == {1}
