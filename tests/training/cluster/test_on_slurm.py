"""SLURM's workers, run by submitit as processes of this machine."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("submitit", reason="the extra presage[slurm] is not installed")

from presage.errors import ClusterUnreachable, InvalidArgument
from presage.training import DeviceData, Recipe
from presage.training.cluster import on_slurm
from presage.training.cluster.on_slurm import SlurmWorkers, array_of, logs_of
from presage.training.worker_sites import OnSlurm
from presage.training.workers import WorkerDied, WorkerFailed
from tests.training.test_side_by_side import numbers, trained

Make = Callable[[int], SlurmWorkers]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[SlurmWorkers] = []

    def workers(count: int) -> SlurmWorkers:
        folder = tmp_path / "calls"
        made.append(SlurmWorkers(folder, count, array_of(logs_of(folder), OnSlurm(None, count), "cpu", "local")))
        return made[-1]

    yield workers
    for each in made:
        each.shutdown(cancel_futures=True)


def test_trainings_are_those_of_this_process_and_nothing_is_left(
    make: Make, data: DeviceData, brief: Recipe, tmp_path: Path
) -> None:
    with make(1) as workers:
        there = trained(workers, data, brief, tmp_path / "there", 2)
    here = trained(None, data, brief, tmp_path / "here", 2)
    assert [numbers(one) for one, _ in there] == [numbers(one) for one, _ in here]
    assert {path.name for path in tmp_path.iterdir()} == {"there", "here"}


def test_what_a_worker_was_at_that_is_killed_is_done_by_another(make: Make) -> None:
    workers = make(1)
    process = workers.submit(os.getpid).result(120)
    slow = workers.submit(time.sleep, 2)
    time.sleep(1)
    os.kill(process, signal.SIGKILL)
    assert slow.result(120) is None
    assert workers.submit(os.getpid).result(120) != process
    with pytest.raises(WorkerFailed, match=r"^FileNotFoundError: .*nowhere"):
        workers.submit(os.listdir, "/nowhere").result(120)


class Lost:
    """A job that has ended before it did anything."""

    job_id = "7"

    def done(self) -> bool:
        return True

    def cancel(self, check: bool = True) -> None:
        pass


def test_workers_that_all_end_end_the_work_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_slurm, "_LOOKED_EVERY", 0.01)
    begun: list[str] = []

    def submit(folder: Path, workers: Any) -> list[Lost]:
        begun.extend(workers)
        return [Lost() for _ in workers]

    with SlurmWorkers(tmp_path / "calls", 2, submit) as workers:
        with pytest.raises(ClusterUnreachable, match=r"^The workers of SLURM have ended 4 times each, .* job 7"):
            workers.submit(os.getpid).result(60)
        assert len(set(begun)) == len(begun) == 2 + 2 * on_slurm.RETRIES
        with pytest.raises(ClusterUnreachable):
            workers.submit(os.getpid)


def test_a_call_that_ends_every_worker_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_slurm, "_LOOKED_EVERY", 0.01)

    class Deadly(Lost):
        def __init__(self, calls: Any, worker: str) -> None:
            self.calls, self.worker = calls, worker

        def done(self) -> bool:
            return self.calls.take(self.worker) is not None

    def submit(folder: Path, workers: Any) -> list[Lost]:
        return [Deadly(on_slurm.CallFolder(folder), worker) for worker in workers]

    with SlurmWorkers(tmp_path / "calls", 2, submit) as workers:
        with pytest.raises(WorkerDied, match=r"^its worker on SLURM ended 4 times, the last as job 7"):
            workers.submit(os.getpid).result(60)
        workers.shutdown(cancel_futures=True)


def test_a_call_is_cancelled_with_its_future_and_waits_for_nobody(tmp_path: Path) -> None:
    class Idle(Lost):
        def done(self) -> bool:
            return False

    workers = SlurmWorkers(tmp_path / "calls", 1, lambda folder, names: [Idle() for _ in names])
    future = workers.submit(os.getpid)
    assert future.cancel()
    threading.Event().wait(1.2)
    assert not [*(tmp_path / "calls").glob("*/calls/*.json")]
    workers.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        workers.submit(os.getpid)


def test_slurm_that_takes_no_job_and_a_machine_without_it_are_a_line(tmp_path: Path) -> None:
    def refused(folder: Path, workers: Any) -> list[Lost]:
        raise OSError("sbatch: error: invalid partition specified: gpu")

    with pytest.raises(ClusterUnreachable, match=r"^SLURM does not take the workers \(OSError: sbatch: error: invalid"):
        SlurmWorkers(tmp_path / "calls", 1, refused).submit(os.getpid)
    with pytest.raises(InvalidArgument, match="be left out"):
        SlurmWorkers(tmp_path / "calls", 1, refused).submit(os.getpid, a=1)
