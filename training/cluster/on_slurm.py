"""`SlurmWorkers`: an array of workers that SLURM runs, as a `concurrent.futures.Executor`; all share a disk."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, Protocol, TypeVar

from presage.errors import ClusterUnreachable, InvalidArgument
from presage.training.cluster.call_folder import DRIVER, CallFolder, work
from presage.training.worker_sites import OnSlurm
from presage.training.workers import WorkerDied, WorkerFailed

__all__ = ["RETRIES", "Job", "SlurmWorkers", "array_of", "logs_of"]

T = TypeVar("T")

RETRIES = 3
"""Times that a call is tried again whose worker ends; as often as each worker is replaced."""
_GOES_ON = "What was done before stands: the same command goes on, there or with other --workers."
_LOOKED_EVERY = 0.5  # seconds
_MINUTES = 240  # that SLURM gives a worker; then another one goes on


class Job(Protocol):
    """A job of submitit, as far as it is used."""

    job_id: str

    def done(self) -> bool:
        """Whether it has ended, however it has."""

    def cancel(self, check: bool = True) -> None:
        """End it."""


Submit = Callable[[Path, Sequence[str]], Sequence[Job]]
"""Begins a job for each of these workers, in one array, that looks for calls in a folder."""


class SlurmWorkers(Executor):
    """Workers of one processor each, begun as one array when first needed, and replaced when they end: by their time
    limit, too. What one was at is tried again from its checkpoint.

    Functions must be importable by name, arguments and results JSON.

    Args:
        folder: on a disk that the workers' machines share, of this executor alone; removed in the end.
        count: workers.
        submit: see `array_of`.
    """

    def __init__(self, folder: Path, count: int, submit: Submit) -> None:
        self.count, self._submit = count, submit
        self._place = folder.resolve()
        self._folder = CallFolder(self._place / uuid.uuid4().hex)  # workers of a run that was killed look elsewhere
        self._calls: dict[str, tuple[Future[Any], dict[str, Any], int]] = {}  # by name: with how often it was begun
        self._jobs: dict[str, Job] = {}
        self._left = RETRIES * count  # workers that may still be replaced
        self._put = 0
        self._failure: ClusterUnreachable | None = None
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._watcher: threading.Thread | None = None

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """See `concurrent.futures.Executor.submit`; keyword arguments are not passed on.

        Raises:
            ClusterUnreachable: SLURM takes no jobs.
        """
        if kwargs:
            raise InvalidArgument("kwargs", "SlurmWorkers.submit", "be left out", sorted(kwargs))
        if self._ended.is_set():
            raise RuntimeError("cannot schedule new futures after shutdown")
        if self._watcher is None:
            shutil.rmtree(self._place, ignore_errors=True)
            self._folder.make()
            self._begin(self.count)
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()
        future: Future[T] = Future()
        call = {"module": fn.__module__, "function": fn.__qualname__, "arguments": args}
        with self._lock:
            if self._failure is not None:
                raise self._failure
            self._put += 1
            name = f"{self._put:08d}"
            self._calls[name] = future, call, 1
            self._folder.put(name, call)
            self._begin(min(len(self._calls), self.count) - len(self._jobs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: when they are done, or at once where futures are cancelled."""
        while wait and not cancel_futures and self._calls and not self._ended.is_set():
            self._ended.wait(_LOOKED_EVERY)
        self._ended.set()
        if self._watcher is None:
            return
        self._folder.stop()
        self._watcher.join(timeout=4 * _LOOKED_EVERY)
        for job in self._jobs.values():
            _cancel(job)
        for future, _, _ in self._calls.values():
            future.cancel()
        shutil.rmtree(self._place, ignore_errors=True)
        if self._failure is None:
            shutil.rmtree(logs_of(self._place), ignore_errors=True)

    def __exit__(self, kind: object, error: object, trace: object) -> bool | None:
        self.shutdown(cancel_futures=kind is not None)  # nobody waits for results after an error or Ctrl-C
        return None

    def _begin(self, count: int) -> None:
        workers = [uuid.uuid4().hex[:12] for _ in range(count)]
        if not workers:
            return
        try:
            jobs = self._submit(self._folder.folder, workers)
        except Exception as error:
            raise _unreachable(error) from None
        self._jobs.update(zip(workers, jobs, strict=True))

    def _watch(self) -> None:
        """What the thread of the executor does: take answers, and see to workers that ended."""
        try:
            with self._folder.beating(DRIVER):
                while not self._ended.wait(_LOOKED_EVERY):
                    with self._lock:
                        self._look()
        except BaseException as error:  # a folder that is gone, or SLURM: nobody will answer any more
            with self._lock:
                self._failure = error if isinstance(error, ClusterUnreachable) else _unreachable(error)
                for future, _, _ in self._calls.values():
                    _settle(future, self._failure)
                self._calls.clear()

    def _look(self) -> None:
        for name, answer in self._folder.answers():
            future, _, _ = self._calls.pop(name, (None, None, None))
            if future is not None:  # of a worker that was taken for dead, a second one may come
                _settle(future, WorkerFailed(answer["error"]) if "error" in answer else None, answer.get("answer"))
        for name in [name for name, (future, _, _) in self._calls.items() if future.cancelled()]:
            self._folder.withdraw(name)
            del self._calls[name]
        for worker in [worker for worker, job in self._jobs.items() if job.done() or self._folder.is_silent(worker)]:
            self._replace(worker)

    def _replace(self, worker: str) -> None:
        """Another worker for one that has ended, while there is something to do; what it was at is put back."""
        job = self._jobs.pop(worker)
        _cancel(job)
        if not self._calls:
            return  # `submit` begins one when there is something to do
        if self._left == 0:
            raise ClusterUnreachable(
                f"The workers of SLURM have ended {RETRIES + 1} times each, the last as job {job.job_id}; what it said "
                f"is in {logs_of(self._place)}. {_GOES_ON}"
            )
        self._left -= 1
        for name in self._folder.give_back(worker):
            if name not in self._calls:
                continue
            future, call, begun = self._calls[name]
            if begun > RETRIES:
                del self._calls[name]
                _settle(future, WorkerDied(f"its worker on SLURM ended {begun} times, the last as job {job.job_id}"))
                continue
            self._calls[name] = future, call, begun + 1
            self._folder.put(name, call)
        self._begin(1)


def array_of(logs: Path, place: OnSlurm, device: str, cluster: str = "slurm") -> Submit:
    """Arrays of workers, by submitit.

    What SBATCH_TIMELIMIT, SBATCH_ACCOUNT, SBATCH_MEM_PER_CPU and the like say in the environment counts more.

    Args:
        logs: folder, on the disk that is shared, for what submitit and the workers write.
        device: with `cuda` each worker has a GPU.
        cluster: `local` runs them as processes of this machine.

    Raises:
        ClusterUnreachable: SLURM's commands are not on this machine.
    """
    from submitit import AutoExecutor

    try:
        executor = AutoExecutor(folder=str(logs), cluster=cluster)
    except Exception as error:
        raise _unreachable(error) from None
    partition = {} if place.partition is None else {"slurm_partition": place.partition}
    executor.update_parameters(
        name="presage", timeout_min=_MINUTES, cpus_per_task=1, gpus_per_node=1 if device == "cuda" else 0,
        slurm_array_parallelism=place.count, **partition,
    )  # fmt: skip

    def submit(folder: Path, workers: Sequence[str]) -> Sequence[Job]:
        jobs: Sequence[Job] = executor.map_array(work, [str(folder)] * len(workers), workers)
        return jobs

    return submit


def logs_of(folder: Path) -> Path:
    """Where submitit writes what workers say, of the calls in `folder`; it is left where all of them failed."""
    return folder.with_name(f"{folder.name}-logs")


def _settle(future: Future[Any], error: BaseException | None, answer: Any = None) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(answer)


def _cancel(job: Job) -> None:
    try:
        job.cancel(check=False)
    except Exception:
        return  # it has ended, or SLURM does not answer: it will, by its time limit


def _unreachable(error: BaseException) -> ClusterUnreachable:
    text = " ".join(str(error).split())[:300]
    return ClusterUnreachable(f"SLURM does not take the workers ({type(error).__name__}: {text}). {_GOES_ON}")
