from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from presage.errors import InvalidArgument, WorkerWarning
from presage.training import stopped
from presage.training.workers import WorkerDied, WorkerFailed, Workers


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(holds: object, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:  # type: ignore[operator]
        time.sleep(0.05)
    assert holds()  # type: ignore[operator]


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(2) as pool:
        yield pool
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def one_worker() -> Iterator[Workers]:
    """Which has to take the next call, too."""
    with Workers(1) as pool:
        yield pool
        pool.shutdown(cancel_futures=True)


def test_calls_are_answered_by_processes_of_one_thread(workers: Workers) -> None:
    import torch

    answers = [workers.submit(os.getpid) for _ in range(6)]
    assert {each.result(60) for each in answers} <= set(workers.process_ids)
    assert os.getpid() not in workers.process_ids
    assert workers.submit(os.getenv, "OMP_NUM_THREADS").result(60) == "1"
    assert workers.submit(torch.get_num_threads).result(60) == 1


def test_a_call_that_raises_says_what_and_the_worker_goes_on(workers: Workers) -> None:
    with pytest.raises(WorkerFailed, match=r"^FileNotFoundError: .*nowhere"):
        workers.submit(os.listdir, "/nowhere").result(60)
    assert workers.submit(os.path.basename, "a/b").result(60) == "b"


def test_a_call_whose_worker_is_killed_is_tried_again(workers: Workers) -> None:
    slow = workers.submit(time.sleep, 1.5)
    wait_until(lambda: workers.process_ids)
    first = workers.process_ids[0]
    os.kill(first, signal.SIGKILL)
    assert slow.result(60) is None
    assert first not in workers.process_ids


def test_a_call_that_kills_two_workers_is_given_up_and_the_others_are_answered(workers: Workers) -> None:
    deadly = workers.submit(os.abort)
    with pytest.raises(WorkerDied, match="ended with exit code -6"):
        deadly.result(60)
    assert workers.submit(os.path.basename, "a/b").result(60) == "b"


def test_an_error_in_the_block_ends_the_workers_at_once() -> None:
    began, calls, processes = time.monotonic(), [], []

    def interrupted() -> None:
        with Workers(1) as pool:
            calls.extend([pool.submit(time.sleep, 600), pool.submit(time.sleep, 600)])
            wait_until(lambda: pool.process_ids)
            processes.extend(pool.process_ids)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - began < 60
    assert isinstance(calls[0].exception(), WorkerDied)
    assert calls[1].cancelled()
    assert not is_alive(processes[0])


def test_nothing_is_taken_after_the_end() -> None:
    pool = Workers(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(os.getpid)


def test_workers_end_with_a_parent_that_is_killed() -> None:
    """And a script that starts them needs no guard against being imported again."""
    script = (
        "import time\nfrom presage.training.workers import Workers\n"
        "pool = Workers(1)\nfuture = pool.submit(time.sleep, 600)\n"
        "while not pool.process_ids: time.sleep(0.05)\n"
        "print(pool.process_ids[0], flush=True)\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not is_alive(worker), 60)


def test_environments_take_turns() -> None:
    with Workers(2, [{"CUDA_VISIBLE_DEVICES": "3"}, {"CUDA_VISIBLE_DEVICES": "5"}]) as pool:
        seen = set()
        while len(seen) < 2:
            seen |= {each.result(60) for each in [pool.submit(os.getenv, "CUDA_VISIBLE_DEVICES") for _ in range(4)]}
    assert seen == {"3", "5"}


def test_no_workers_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="The `count` of `Workers` must be at least 1"):
        Workers(0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system tells of stopped processes elsewhere")
def test_a_worker_that_is_stopped_is_told_of_once_and_goes_on(
    one_worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopped, "LOOKS", 0.1)
    assert one_worker.submit(abs, -1).result(60) == 1
    (process,) = one_worker.process_ids
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        os.kill(process, signal.SIGSTOP)
        try:
            future = one_worker.submit(abs, -2)
            wait_until(lambda: told)
            assert stopped.is_stopped(process)
            time.sleep(0.5)
            assert not future.done()
        finally:
            os.kill(process, signal.SIGCONT)
        assert future.result(60) == 2
    assert [one.category for one in told] == [WorkerWarning]
    assert f"`kill -CONT {process}`" in str(told[0].message)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system tells of stopped processes elsewhere")
def test_workers_that_are_stopped_end_with_the_block() -> None:
    with Workers(1) as pool:
        pool.submit(abs, -1).result(60)
        (process,) = pool.process_ids
        os.kill(process, signal.SIGSTOP)
        pool.submit(abs, -2)
        pool.shutdown(cancel_futures=True)
    assert not is_alive(process)
