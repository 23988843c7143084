"""A crew of worker processes that survives the death of any of them.

Each worker has a pipe of its own, so that one killed in the middle of a message cannot block the others, and ends when
its parent does. Messages are JSON.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

__all__ = ["Answer", "Task", "Work", "run_crew"]

Message = dict[str, Any]
Work = Callable[[Message], Callable[[Message], Message]]
"""Called once in each worker with the crew's settings; gives the function that turns a task's message into its answer.
Must be importable by name."""

_TRIES = 2  # a task that kills its worker twice is given up


@dataclass(frozen=True)
class Task:
    """Something to do; `key` comes back with the answer."""

    key: int
    message: Message


@dataclass(frozen=True)
class Answer:
    """What became of a task: a `message`, or a one-line `error`; `died` tells that the worker itself was killed."""

    key: int
    message: Message | None
    error: str | None
    died: bool = False


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    task: Task | None = None


def run_crew(work: Work, settings: Message, tasks: Iterable[Task], workers: int) -> Iterator[Answer]:
    """Do all tasks with that many processes; answers come as they are ready."""
    waiting = iter(tasks)
    again: list[Task] = []
    tries: dict[int, int] = {}
    crew: list[_Worker] = []
    try:
        while True:
            crew = [worker for worker in crew if worker.task is not None or worker.process.is_alive()]
            idle = [worker for worker in crew if worker.task is None]
            while len(crew) - len(idle) < workers:
                task = again.pop() if again else next(waiting, None)
                if task is None:
                    break
                worker = idle.pop() if idle else _start(work, settings, crew)
                worker.task = task
                _send(worker, task)
            busy = [worker for worker in crew if worker.task is not None]
            if not busy:
                return
            ready = wait([worker.pipe for worker in busy] + [worker.process.sentinel for worker in busy])
            for worker in busy:
                if worker.pipe not in ready and worker.process.sentinel not in ready:
                    continue
                task, worker.task = worker.task, None
                assert task is not None
                answer = _receive(worker, task)
                if answer is not None:
                    yield answer
                    continue
                worker.process.join()
                tries[task.key] = tries.get(task.key, 0) + 1
                if tries[task.key] < _TRIES:
                    again.append(task)
                else:
                    reason = f"the worker process ended with exit code {worker.process.exitcode}"
                    yield Answer(task.key, None, reason, died=True)
    finally:
        for worker in crew:
            worker.pipe.close()
            worker.process.terminate()
        for worker in crew:
            worker.process.join(timeout=5)


def _start(work: Work, settings: Message, crew: list[_Worker]) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, settings, theirs, os.getpid()), daemon=True)
    process.start()
    theirs.close()
    worker = _Worker(process, ours)
    crew.append(worker)
    return worker


def _send(worker: _Worker, task: Task) -> None:
    try:
        worker.pipe.send_bytes(json.dumps(task.message).encode())
    except OSError:
        return  # it is dead: its sentinel will say so


def _receive(worker: _Worker, task: Task) -> Answer | None:
    """The worker's answer; None where it died before giving a whole one."""
    try:
        if worker.pipe.poll():
            found = json.loads(worker.pipe.recv_bytes())
            return Answer(task.key, found.get("answer"), found.get("error"))
    except (EOFError, OSError):
        worker.process.kill()
    return None


def _serve(work: Work, settings: Message, pipe: Connection, parent: int) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    answer_of = work(settings)
    while True:
        try:
            message = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            reply: Message = {"answer": answer_of(message)}
        except Exception as error:  # whatever a task does, the crew goes on
            reply = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"}
        try:
            pipe.send_bytes(json.dumps(reply).encode())
        except OSError:
            return


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
