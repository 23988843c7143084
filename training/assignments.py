"""Assignments on an executor: given out a few at a time, so that the rest can wait and see; answered as they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from typing import Any

from presage.errors import ClusterUnreachable
from presage.training.failures import TrainingCrashed
from presage.training.workers import WorkerDied, WorkerFailed

__all__ = ["Answer", "Assignment", "answers"]

Message = dict[str, Any]


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


def answers(
    executor: Executor, call: Callable[[Message], Message], assignments: Iterable[Assignment], at_once: int
) -> Iterator[Answer]:
    """Do all assignments, so many at once; answers come as they are ready.

    Args:
        executor: where; what is killed there is its to try again (`presage.training.workers.Workers` does, once).
        call: turns the message of an assignment into its answer; importable by name, from plain objects to plain ones.
        assignments: asked for the next one when there is room for it.

    Raises:
        TrainingCrashed: the executor broke down, and will do no more.
        ClusterUnreachable: the machines it was to run on are lost.
    """
    waiting = iter(assignments)
    under_way: dict[Future[Message], int] = {}
    try:
        while True:
            while len(under_way) < at_once and (assignment := next(waiting, None)) is not None:
                under_way[_submitted(executor, call, assignment)] = assignment.key
            if not under_way:
                return
            for future in sorted(wait(under_way, return_when=FIRST_COMPLETED).done, key=under_way.__getitem__):
                yield _answer(under_way.pop(future), future)
    finally:
        for future in under_way:
            future.cancel()


def _submitted(executor: Executor, call: Callable[[Message], Message], assignment: Assignment) -> Future[Message]:
    try:
        return executor.submit(call, assignment.message)
    except BrokenExecutor as error:
        raise _broken(error) from None


def _answer(key: int, future: Future[Message]) -> Answer:
    try:
        return Answer(key, future.result(), None)
    except WorkerDied as error:
        return Answer(key, None, str(error), died=True)
    except WorkerFailed as error:
        return Answer(key, None, str(error))
    except BrokenExecutor as error:
        raise _broken(error) from None
    except ClusterUnreachable:
        raise
    except Exception as error:  # whatever an assignment does, the others go on
        return Answer(key, None, f"{type(error).__name__}: {' '.join(str(error).split())[:500]}")


def _broken(error: BrokenExecutor) -> TrainingCrashed:
    return TrainingCrashed(f"the executor broke down: {' '.join(str(error).split())}")
