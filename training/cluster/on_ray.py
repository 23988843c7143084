"""`RayExecutor`: calls on a Ray cluster, as a `concurrent.futures.Executor` that needs no disk shared with it.

A call's folders of images are put into Ray's object store once, by content; a training's checkpoint comes back with
its answer, and now and then before. What a dead node was at is tried again on another, from the last of these.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from presage.errors import InvalidArgument, WorkerWarning, WrongInput
from presage.files import replacing, write_text
from presage.training.cluster.board import News, NoticeBoard
from presage.training.cluster.parcels import Parcel, packed
from presage.training.cluster.ray_cluster import RayCluster
from presage.training.cluster.there import Parcels, done_there
from presage.training.job import EPOCHS, STOP
from presage.training.workers import WorkerDied, WorkerFailed

__all__ = ["RETRIES", "RayExecutor", "gpu_share"]

T = TypeVar("T")
Bytes = npt.NDArray[np.uint8]

RETRIES = 3
"""Times that a call is tried again whose worker or node dies."""
_FOLDERS = ("data", "images")
"""Fields of a message that are folders to read."""
_LOOKED_EVERY = 0.5  # seconds
_BEGINS_WITHIN = 60.0  # seconds, or a warning says that nothing begins
_USABLE = 0.8  # share of a GPU's memory


class RayExecutor(Executor):
    """Calls with one message each, of plain objects, on one processor of a cluster, and on a share of a GPU.

    Of a message's fields, `data` and `images` are folders that travel; `checkpoint` is a file that comes back, with
    what is beside it; `memory` is how many bytes the call takes, by which Ray finds a place for it; `device` says
    whether it may have a GPU.

    Args:
        cluster: which the executor leaves when it is shut down.
    """

    shares_disk = False

    def __init__(self, cluster: RayCluster) -> None:
        self._ray = cluster.ray
        self.cluster = cluster
        self._parcels: dict[Path, Parcel] = {}
        self._under_way: dict[str, tuple[Any, Path | None]] = {}  # by call: its reference, and checkpoint
        self._done: list[str] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._begun = False
        self._board = self._ray.remote(NoticeBoard).options(**cluster.at_home()).remote()
        self._call = self._ray.remote(_called)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """See `concurrent.futures.Executor.submit`; takes one message.

        Raises:
            ClusterUnreachable: the cluster does not answer any more.
        """
        if kwargs or len(args) != 1 or not isinstance(args[0], Mapping):
            raise InvalidArgument("args", "RayExecutor.submit", "be one message", args)
        if self._ended.is_set():
            raise RuntimeError("cannot schedule new futures after shutdown")
        message = dict(args[0])
        name, future = uuid.uuid4().hex, _Answer(self)
        file = Path(message["checkpoint"]) if "checkpoint" in message else None
        try:
            parcels = {field: self._parcel(Path(message[field])) for field in _FOLDERS if message.get(field)}
            before = self._ray.put(np.fromfile(file, np.uint8)) if file is not None and file.exists() else None
            call = self._call.options(max_retries=RETRIES, **self._resources(message))
            future.reference = call.remote(fn, message, parcels, before, self._board, name)
            with self._lock:
                self._under_way[name] = future.reference, file
            future.reference.future().add_done_callback(lambda done: self._answer(name, file, future, done))
        except WrongInput:
            raise
        except Exception as error:
            raise self.cluster.lost(error) from None
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster: when all is done, or at once where futures are cancelled."""
        if wait and not cancel_futures:
            while self._under_way:
                time.sleep(_LOOKED_EVERY)
        self._ended.set()
        for reference, _ in list(self._under_way.values()):
            self.cancel(reference)
        self._watcher.join(timeout=_LOOKED_EVERY)
        self.cluster.leave()

    def cancel(self, reference: Any) -> None:
        """End a call, wherever it is."""
        try:
            self._ray.cancel(reference, force=True)
        except Exception:
            return  # it has ended, or the cluster has

    def __exit__(self, kind: object, error: object, trace: object) -> bool | None:
        self.shutdown(cancel_futures=kind is not None)  # nobody waits for results after an error or Ctrl-C
        return None

    def _parcel(self, folder: Path) -> Parcel:
        if folder not in self._parcels:
            self._parcels[folder] = packed(folder, self._ray.put)
        return self._parcels[folder]

    def _resources(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """What Ray sets aside for a call, never more than some node has: it would wait for ever."""
        need = int(message.get("memory", 0))
        if self.cluster.gpus and message.get("device") != "cpu":
            return {"num_cpus": 1, "num_gpus": gpu_share(need, self.cluster.gpu_memory)}
        return {"num_cpus": 1, "num_gpus": 0, "memory": min(need, self.cluster.most_memory)}

    def _answer(self, name: str, file: Path | None, future: _Answer, done: Future[Any]) -> None:
        """Called when a call has ended, however it has."""
        with self._lock:
            self._under_way.pop(name, None)
            self._done.append(name)
        if not future.set_running_or_notify_cancel():
            return
        try:
            answer, checkpoint = done.result()
            if file is not None and checkpoint is not None:
                _write(file, checkpoint)
            future.set_result(answer)
        except BaseException as error:
            future.set_exception(self._meant(error))

    def _meant(self, error: BaseException) -> BaseException:
        of = self._ray.exceptions
        if isinstance(error, of.RayTaskError):
            return WorkerFailed(_line(error.cause if getattr(error, "cause", None) is not None else error))
        if isinstance(error, (of.WorkerCrashedError, of.OutOfMemoryError, of.NodeDiedError, of.ObjectLostError)):
            return WorkerDied(f"its worker on the Ray cluster died {RETRIES + 1} times: {_line(error)}")
        if isinstance(error, of.RayError | ConnectionError | EOFError):
            return self.cluster.lost(error)
        return error

    def _watch(self) -> None:
        """What the thread of the executor does: bring the board's news, and put up what is to stop."""
        began, told = time.monotonic(), False
        while not self._ended.wait(_LOOKED_EVERY):
            with self._lock:
                files = {name: file for name, (_, file) in self._under_way.items() if file is not None}
                done, self._done = self._done, []
            if not files and not done:
                began = time.monotonic()
                continue
            unwanted = [name for name, file in files.items() if file.with_name(STOP).exists()]
            try:
                fresh = self._ray.get(self._board.news.remote(unwanted, done), timeout=_BEGINS_WITHIN)
            except Exception:
                continue  # what has become of the calls, they tell themselves
            self._begun |= bool(fresh)
            for name, news in fresh.items():
                self._take(name, news)
            if not self._begun and not told and time.monotonic() - began > _BEGINS_WITHIN:
                told = True
                warnings.warn(self.cluster.waits(), WorkerWarning, stacklevel=2)

    def _take(self, name: str, news: News) -> None:
        with self._lock:  # a call that ends meanwhile waits with its answer, so that nothing old comes after it
            if name not in self._under_way:
                return
            file = self._under_way[name][1]
            assert file is not None
            try:
                if news.checkpoint is not None:
                    _write(file, news.checkpoint)
                write_text(file.with_name(EPOCHS), news.epochs)
            except (OSError, WrongInput):
                return  # the disk is full, say; the answer will say so


class _Answer(Future[Any]):
    """A future whose call is cancelled with it, while it waits for a place too."""

    def __init__(self, executor: RayExecutor) -> None:
        super().__init__()
        self._executor = executor
        self.reference: Any = None

    def cancel(self) -> bool:
        """See `concurrent.futures.Future.cancel`; a call that has begun is ended."""
        if not super().cancel():
            return False
        self._executor.cancel(self.reference)
        return True


def gpu_share(need: int, memory: int) -> float:
    """The share of a GPU that a call takes, of hundredths: at least a quarter, as on this machine; at most all.

    Args:
        need: bytes that the call takes.
        memory: bytes of the smallest GPU.
    """
    share = need / (_USABLE * memory) if memory else 1.0
    return min(max(math.ceil(100 * share) / 100, 0.25), 1.0)


def _called(
    fn: Callable[..., Any], message: dict[str, Any], parcels: Parcels, before: Any, board: Any, name: str
) -> tuple[dict[str, Any], Bytes | None]:
    """What runs on a worker of the cluster."""
    import ray

    def tell(epochs: str, checkpoint: Bytes | None) -> bool:
        try:
            return bool(ray.get(board.tell.remote(name, epochs, checkpoint)))
        except ray.exceptions.RayError:
            return True  # a board that is lost is begun anew by Ray

    try:
        latest = ray.get(board.checkpoint.remote(name))
    except ray.exceptions.RayError:
        latest = None
    return done_there(fn, message, parcels, before if latest is None else latest, ray.get, tell)


def _write(file: Path, content: Bytes) -> None:
    with replacing(file) as draft:
        content.tofile(draft)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
