"""Networks trained at once: `worker_pool` opens what `--workers` names, `side_by_side` trains on it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from presage.errors import InvalidArgument
from presage.training.container import most_cores
from presage.training.hardware import choose_device
from presage.training.side_by_side import SideBySide
from presage.training.worker_sites import AUTO_WORKERS, Here, OnRay, OnSlurm, worker_site
from presage.training.workers import Workers

__all__ = [
    "AUTO_WORKERS", "WorkerPool", "cores", "side_by_side", "slots_of", "worker_pool", "worker_processes",
    "workers_in_words",
]  # fmt: skip

SLURM = "slurm"
"""What submitit calls it; tests take `local`."""
_ON_A_GPU = 4  # networks at once: small ones leave most of a GPU idle between their kernels


@dataclass(frozen=True)
class WorkerPool:
    """What trains.

    Attributes:
        executor: where; None is this process.
        slots: trainings at once.
        memory: bytes that they may take together; None is what is free on this machine.
        words: what it is, for people; "" where there is nothing to say.
    """

    executor: Executor | None
    slots: int
    memory: int | None = None
    words: str = ""


@contextmanager
def worker_pool(
    workers: int | str, device: str, scratch: Path, executor: Executor | None = None, owner: str = "presage search",
    most: int | None = None,
) -> Iterator[WorkerPool]:  # fmt: skip
    """What `workers` names, for the block; what was begun for it is ended after, at once after an error or Ctrl-C.

    Args:
        workers: how many; `auto` is one for each core of a CPU, and four for each GPU. 1 is this process. `ray`,
            `ray://HOST:PORT` and `slurm:PARTITION` are clusters (`presage.training.worker_sites`).
        scratch: folder that workers on machines that share the disk get their calls from.
        executor: trains instead, `workers` at once (`auto`: one for each core). The caller ends it.
        owner: named in errors.
        most: trainings that there are.

    Raises:
        InvalidArgument: `workers` means nothing, or names a cluster beside an executor.
        WrongInput: what it needs is not installed.
        ClusterUnreachable: the cluster does not answer.
    """
    place = worker_site(workers, owner)
    if executor is not None and not isinstance(place, Here):
        raise InvalidArgument("workers", owner, "be a number beside an executor", workers)
    if isinstance(place, OnRay):
        with _on_ray(place) as found:
            yield found
        return
    if isinstance(place, OnSlurm):
        with _on_slurm(place, device, scratch) as found:
            yield found
        return
    slots = slots_of(workers, device, owner)
    slots = min(slots, max(most or slots, 1))
    if executor is not None or slots == 1:
        yield WorkerPool(executor, slots)
        return
    with worker_processes(slots, device) as own:
        yield WorkerPool(own, slots)


@contextmanager
def side_by_side(
    workers: int | str, device: str, scratch: Path, executor: Executor | None = None, owner: str = "presage search",
    most: int | None = None,
) -> Iterator[SideBySide]:  # fmt: skip
    """Trainings at once, for the block; what it started is ended after it, at once after an error or Ctrl-C.

    Each is by one thread, so that results do not depend on the number: on a CPU in worker processes; on a GPU several
    share it; on several GPUs the workers take turns with them.

    Args:
        scratch: folder that worker processes read images from, made when needed and removed after.
        workers, executor, owner, most: see `worker_pool`, whose errors are raised too.
    """
    with worker_pool(workers, device, scratch.with_name(f"{scratch.name}-calls"), executor, owner, most) as found:
        beside = SideBySide(found.executor, found.slots, device, scratch, found.memory, found.words)
        try:
            yield beside
        finally:
            beside.close()


@contextmanager
def _on_ray(place: OnRay) -> Iterator[WorkerPool]:
    from presage.training.cluster.on_ray import RayExecutor
    from presage.training.cluster.ray_cluster import RayCluster

    cluster = RayCluster(place.address, cores())
    slots = place.count or max(min(_ON_A_GPU * cluster.gpus, cluster.cpus) if cluster.gpus else cluster.cpus, 1)
    have = ", ".join((_of(cluster.nodes, "node"), _of(cluster.cpus, "processor"), _of(cluster.gpus, "GPU")))
    with RayExecutor(cluster) as executor:
        yield WorkerPool(
            executor, slots, 2**63 - 1, f"Ray at {cluster.address}, {have}: {_of(slots, 'network')} at once."
        )


@contextmanager
def _on_slurm(place: OnSlurm, device: str, folder: Path) -> Iterator[WorkerPool]:
    from presage.training.cluster.on_slurm import SlurmWorkers, array_of, logs_of

    submit = array_of(logs_of(folder), place, device, SLURM)
    partition = "" if place.partition is None else f", partition {place.partition}"
    with SlurmWorkers(folder, place.count, submit) as executor:
        yield WorkerPool(executor, place.count, 2**63 - 1, f"SLURM{partition}: {_of(place.count, 'network')} at once.")


def worker_processes(count: int, device: str) -> Workers:
    """So many processes of one thread each; on several GPUs they take turns with them."""
    return Workers(count, _environments(device))


def workers_in_words(slots: int, device: str) -> str:
    """*2 networks at once, each by one thread*: what `auto` chose, for people."""
    where = choose_device(device).type
    return f"{slots} networks at once, each by one thread" + ("" if where == "cpu" else f", on {where}")


def slots_of(workers: int | str, device: str, owner: str = "presage search") -> int:
    """How many networks are trained at once on this machine.

    Args:
        owner: named in the error.

    Raises:
        InvalidArgument: `workers` means nothing, or a place that must be asked first.
    """
    place = worker_site(workers, owner)
    if not isinstance(place, Here):
        raise InvalidArgument("workers", owner, "be auto, or a whole number of at least 1", workers)
    if place.count is not None:
        return place.count
    if choose_device(device).type == "cuda":
        return min(_ON_A_GPU * torch.cuda.device_count(), cores())
    return cores()


def cores() -> int:
    """Cores that this process may use, as its affinity and its container say."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(math.ceil(min(here, most_cores())), 1)


def _of(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _environments(device: str) -> list[dict[str, str]]:
    """One for each GPU that is to be used; not measured on machines of more than one."""
    if choose_device(device).type != "cuda" or torch.cuda.device_count() < 2:
        return [{}]
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = seen.split(",") if seen else [str(number) for number in range(torch.cuda.device_count())]
    return [{"CUDA_VISIBLE_DEVICES": name} for name in names]
