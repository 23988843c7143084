"""A pool of worker processes that survives the death of any of them.

Each worker has a pipe of its own, so that one killed in the middle of a message cannot block the others, and ends when
its parent does. Messages are JSON.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

__all__ = ["Answer", "Assignment", "Work", "run_pool"]

Message = dict[str, Any]
Work = Callable[[Message], Callable[[Message], Message]]
"""Called once in each worker with the pool's settings; gives the function that turns the message of an assignment into
its answer. Must be importable by name."""

_TRIES = 2  # an assignment that kills its worker twice is given up


@dataclass(frozen=True)
class Assignment:
    """Something to do; `key` comes back with the answer."""

    key: int
    message: Message


@dataclass(frozen=True)
class Answer:
    """What became of an assignment: a `message`, or a one-line `error`; `died` tells that its worker was killed."""

    key: int
    message: Message | None
    error: str | None
    died: bool = False


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    assignment: Assignment | None = None


def run_pool(work: Work, settings: Message, assignments: Iterable[Assignment], workers: int) -> Iterator[Answer]:
    """Do all assignments with that many processes; answers come as they are ready."""
    waiting = iter(assignments)
    again: list[Assignment] = []
    tries: dict[int, int] = {}
    pool: list[_Worker] = []
    try:
        while True:
            pool = [worker for worker in pool if worker.assignment is not None or worker.process.is_alive()]
            idle = [worker for worker in pool if worker.assignment is None]
            while len(pool) - len(idle) < workers:
                assignment = again.pop() if again else next(waiting, None)
                if assignment is None:
                    break
                worker = idle.pop() if idle else _start(work, settings, pool)
                worker.assignment = assignment
                _send(worker, assignment)
            busy = [worker for worker in pool if worker.assignment is not None]
            if not busy:
                return
            ready = wait([worker.pipe for worker in busy] + [worker.process.sentinel for worker in busy])
            for worker in busy:
                if worker.pipe not in ready and worker.process.sentinel not in ready:
                    continue
                assignment, worker.assignment = worker.assignment, None
                assert assignment is not None
                answer = _receive(worker, assignment)
                if answer is not None:
                    yield answer
                    continue
                worker.process.join()
                tries[assignment.key] = tries.get(assignment.key, 0) + 1
                if tries[assignment.key] < _TRIES:
                    again.append(assignment)
                else:
                    reason = f"the worker process ended with exit code {worker.process.exitcode}"
                    yield Answer(assignment.key, None, reason, died=True)
    finally:
        for worker in pool:
            worker.pipe.close()
            worker.process.terminate()
        for worker in pool:
            worker.process.join(timeout=5)


def _start(work: Work, settings: Message, pool: list[_Worker]) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, settings, theirs, os.getpid()), daemon=True)
    process.start()
    theirs.close()
    worker = _Worker(process, ours)
    pool.append(worker)
    return worker


def _send(worker: _Worker, assignment: Assignment) -> None:
    try:
        worker.pipe.send_bytes(json.dumps(assignment.message).encode())
    except OSError:
        return  # it is dead: its sentinel will say so


def _receive(worker: _Worker, assignment: Assignment) -> Answer | None:
    """The worker's answer; None where it died before giving a whole one."""
    try:
        if worker.pipe.poll():
            found = json.loads(worker.pipe.recv_bytes())
            return Answer(assignment.key, found.get("answer"), found.get("error"))
    except (EOFError, OSError):
        worker.process.kill()
    return None


def _serve(work: Work, settings: Message, pipe: Connection, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    answer_of = work(settings)
    while True:
        try:
            message = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            reply: Message = {"answer": answer_of(message)}
        except Exception as error:  # whatever an assignment does, the pool goes on
            reply = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"}
        try:
            pipe.send_bytes(json.dumps(reply).encode())
        except OSError:
            return


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
