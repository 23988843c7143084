from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from presage.training.assignments import Answer, Assignment, answers
from presage.training.failures import TrainingCrashed
from presage.training.workers import Workers

Message = dict[str, Any]


def square(message: Message) -> Message:
    """Squares a number, and fails, dies once or dies always when told to."""
    if message.get("fail"):
        raise ValueError("not this\none")
    mark = Path(message["folder"]) / str(message["number"])
    if message.get("die") == "always" or (message.get("die") == "once" and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if message.get("wait"):
        mark.write_text(str(os.getpid()))
        time.sleep(60)
    return {"square": message["number"] ** 2, "process": os.getpid()}


def tasks(folder: Path, messages: list[Message]) -> list[Assignment]:
    return [Assignment(key, {"number": key, "folder": str(folder), **each}) for key, each in enumerate(messages)]


def answered(folder: Path, messages: list[Message], at_once: int) -> dict[int, Answer]:
    with Workers(at_once) as workers:
        found = list(answers(workers, square, tasks(folder, messages), at_once))
    assert len(found) == len(messages)
    return {answer.key: answer for answer in found}


def test_all_are_answered_by_several_processes(tmp_path: Path) -> None:
    found = answered(tmp_path, [{}] * 8, 2)
    assert {key: answer.message["square"] for key, answer in found.items() if answer.message} == {
        key: key**2 for key in range(8)
    }
    assert os.getpid() not in {answer.message["process"] for answer in found.values() if answer.message}


def test_an_exception_is_one_line_and_the_worker_goes_on(tmp_path: Path) -> None:
    found = answered(tmp_path, [{}, {"fail": True}, {}], 1)
    assert found[1].error == "ValueError: not this one"
    assert not found[1].died
    assert found[0].message is not None
    assert found[2].message is not None
    assert found[0].message["process"] == found[2].message["process"]


def test_one_whose_worker_is_killed_is_done_again_and_given_up_after_two(tmp_path: Path) -> None:
    found = answered(tmp_path, [{}, {"die": "once"}, {"die": "always"}, {}], 2)
    assert found[1].message is not None
    assert found[1].message["square"] == 1
    assert found[2].died
    assert "exit code -9" in str(found[2].error)
    assert found[3].message is not None


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Workers(2) as workers:
            next(answers(workers, square, tasks(tmp_path, [{}, {"wait": True}]), 2))
            deadline = time.monotonic() + 20
            while not ((tmp_path / "1").exists() and (tmp_path / "1").read_text()) and time.monotonic() < deadline:
                time.sleep(0.05)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not Path(f"/proc/{int((tmp_path / '1').read_text())}").exists()


def test_no_more_are_asked_for_than_there_is_room_for(tmp_path: Path) -> None:
    given: list[int] = []

    def asked() -> Iterator[Assignment]:
        for one in tasks(tmp_path, [{}] * 5):
            given.append(one.key)
            yield one

    with ThreadPoolExecutor(2) as threads:
        found = answers(threads, square, asked(), 2)
        next(found)
        assert len(given) == 2
        assert len([*found]) == 4


def test_an_executor_of_somebody_elses_that_breaks_down_is_said_in_a_line(tmp_path: Path) -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes,
        pytest.raises(TrainingCrashed, match=r"^the executor broke down: "),
    ):
        list(answers(processes, square, tasks(tmp_path, [{"die": "always"}, {}]), 1))
