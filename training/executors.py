"""How many networks are trained at once, and where: `side_by_side` chooses by the machine and says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch

from presage.errors import InvalidArgument
from presage.training.hardware import choose_device
from presage.training.side_by_side import SideBySide
from presage.training.workers import Workers

__all__ = ["AUTO_WORKERS", "cores", "side_by_side", "slots_of", "worker_processes", "workers_in_words"]

AUTO_WORKERS = "auto"
_ON_A_GPU = 4  # networks at once: small ones leave most of a GPU idle between their kernels


@contextmanager
def side_by_side(
    workers: int | str, device: str, scratch: Path, executor: Executor | None = None
) -> Iterator[SideBySide]:
    """Trainings at once, for the block; what it started is ended after it, at once after an error or Ctrl-C.

    Each is by one thread, so that results do not depend on the number: on a CPU in worker processes; on a GPU several
    share it; on several GPUs the workers take turns with them.

    Args:
        workers: how many; `auto` is one for each core of a CPU, and four for each GPU. 1 is this process.
        scratch: folder that worker processes read images from, made when needed and removed after.
        executor: trains on this instead; `workers` says how many at once (`auto`: one for each core). The caller ends
            it.

    Raises:
        InvalidArgument: `workers` is no whole number of at least 1, nor `auto`.
    """
    slots = slots_of(workers, device)
    own = worker_processes(slots, device) if executor is None and slots > 1 else None
    beside = SideBySide(executor or own, slots, device, scratch)
    with own or nullcontext():
        try:
            yield beside
        finally:
            beside.close()


def worker_processes(count: int, device: str) -> Workers:
    """So many processes of one thread each; on several GPUs they take turns with them."""
    return Workers(count, _environments(device))


def workers_in_words(slots: int, device: str) -> str:
    """*2 networks at once, each by one thread*: what `auto` chose, for people."""
    where = choose_device(device).type
    return f"{slots} networks at once, each by one thread" + ("" if where == "cpu" else f", on {where}")


def slots_of(workers: int | str, device: str, owner: str = "presage search") -> int:
    """How many networks are trained at once.

    Args:
        owner: named in the error.

    Raises:
        InvalidArgument: `workers` is no whole number of at least 1, nor `auto`.
    """
    if workers == AUTO_WORKERS:
        if choose_device(device).type == "cuda":
            return min(_ON_A_GPU * torch.cuda.device_count(), cores())
        return cores()
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InvalidArgument("workers", owner, "be auto, or a whole number of at least 1", workers)
    return workers


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _environments(device: str) -> list[dict[str, str]]:
    """One for each GPU that is to be used; not measured on machines of more than one."""
    if choose_device(device).type != "cuda" or torch.cuda.device_count() < 2:
        return [{}]
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = seen.split(",") if seen else [str(number) for number in range(torch.cuda.device_count())]
    return [{"CUDA_VISIBLE_DEVICES": name} for name in names]
