from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from presage.training.worker_pool import Assignment, run_pool

Message = dict[str, Any]


def squares(settings: Message) -> Callable[[Message], Message]:
    """Work for the pool: squares numbers, and fails, dies once or dies always when told to."""

    def answer(message: Message) -> Message:
        if message.get("fail"):
            raise ValueError("not this\none")
        mark = Path(settings["folder"]) / str(message["number"])
        if message.get("die") == "always" or (message.get("die") == "once" and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if message.get("wait"):
            mark.write_text(str(os.getpid()))
            time.sleep(60)
        return {"square": message["number"] ** 2, "process": os.getpid()}

    return answer


def tasks(messages: list[Message]) -> list[Assignment]:
    return [Assignment(key, {"number": key, **message}) for key, message in enumerate(messages)]


def test_all_tasks_are_answered_by_several_processes(tmp_path: Path) -> None:
    found = {answer.key: answer for answer in run_pool(squares, {"folder": str(tmp_path)}, tasks([{}] * 8), 2)}
    assert {key: answer.message["square"] for key, answer in found.items() if answer.message} == {
        key: key**2 for key in range(8)
    }
    assert os.getpid() not in {answer.message["process"] for answer in found.values() if answer.message}


def test_an_exception_is_one_line_and_the_worker_goes_on(tmp_path: Path) -> None:
    found = {a.key: a for a in run_pool(squares, {"folder": str(tmp_path)}, tasks([{}, {"fail": True}, {}]), 1)}
    assert found[1].error == "ValueError: not this one"
    assert not found[1].died
    assert found[0].message is not None
    assert found[2].message is not None
    assert found[0].message["process"] == found[2].message["process"]


def test_a_task_whose_worker_is_killed_is_done_again_and_given_up_after_two(tmp_path: Path) -> None:
    messages: list[Message] = [{}, {"die": "once"}, {"die": "always"}, {}]
    answers = list(run_pool(squares, {"folder": str(tmp_path)}, tasks(messages), 2))
    found = {answer.key: answer for answer in answers}
    assert len(answers) == 4
    assert found[1].message is not None
    assert found[1].message["square"] == 1
    assert found[2].died
    assert "exit code -9" in str(found[2].error)
    assert found[3].message is not None


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    pool = run_pool(squares, {"folder": str(tmp_path)}, tasks([{}, {"wait": True}]), 2)
    next(pool)
    deadline = time.monotonic() + 20
    while not ((tmp_path / "1").exists() and (tmp_path / "1").read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process = int((tmp_path / "1").read_text())
    pool.close()
    assert not Path(f"/proc/{process}").exists()
