"""`Workers`: processes of one thread each, as a `concurrent.futures.Executor` that survives the death of any."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

from presage.errors import InvalidArgument
from presage.training.stopped import line_of

__all__ = ["WorkerDied", "WorkerFailed", "Workers"]

T = TypeVar("T")
Call = tuple[Future[Any], bytes]
_TRIES = 2  # a call that kills its worker twice is given up


class WorkerDied(RuntimeError):
    """A call ended its worker process, and another one after that."""


class WorkerFailed(RuntimeError):
    """A call raised, in its worker, what the message says."""


class Workers(Executor):
    """A fixed number of worker processes, each of one thread, started when first needed.

    Functions must be importable by name, arguments and results JSON. A worker that is killed loses the call that it was
    at: another worker tries it again, once. One that is stopped (SIGSTOP) is waited for, with a `WorkerWarning`.

    Args:
        count: of processes.
        environments: what is set in the environment of each, in turn; such as the GPU that it sees.
    """

    def __init__(self, count: int, environments: Sequence[Mapping[str, str]] = ({},)) -> None:
        if count < 1:
            raise InvalidArgument("count", "Workers", "be at least 1", count)
        self.count, self._environments = count, environments
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._slots: list[threading.Thread] = []
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._closed = False

    @property
    def process_ids(self) -> list[int]:
        """Of the workers that were started."""
        return [process.pid for process in self._processes.values()]

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """See `concurrent.futures.Executor.submit`; keyword arguments are not passed on."""
        if kwargs:
            raise InvalidArgument("kwargs", "Workers.submit", "be left out", sorted(kwargs))
        request = {"module": fn.__module__, "function": fn.__qualname__, "arguments": args}
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._calls.put((future, json.dumps(request).encode() + b"\n"))
            if len(self._slots) < self.count:
                slot = len(self._slots)
                self._slots.append(threading.Thread(target=self._serve, args=(slot,), daemon=True))
                self._slots[-1].start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: when they are done, or at once where futures are cancelled."""
        with self._lock:
            self._closed = True
        if cancel_futures:
            try:
                while (call := self._calls.get_nowait()) is not None:
                    call[0].cancel()
            except Empty:
                pass
            for process in self._processes.values():
                process.kill()
        for _ in self._slots:
            self._calls.put(None)
        if wait:
            for slot in self._slots:
                slot.join()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self.shutdown(cancel_futures=kind is not None)  # nobody waits for results after an error or Ctrl-C
        return None

    def _serve(self, slot: int) -> None:
        """What the thread of a slot does: hand calls to its process, one after the other."""
        while (call := self._calls.get()) is not None:
            future, request = call
            if future.set_running_or_notify_cancel():
                self._answer(slot, future, request)
        process = self._processes.pop(slot, None)
        if process is not None:
            _end(process)

    def _answer(self, slot: int, future: Future[Any], request: bytes) -> None:
        try:
            for _ in range(_TRIES):
                process = self._process(slot)
                reply = _ask(process, request)
                if reply is not None or self._closed:
                    break
                process.wait()
            if reply is None:
                raise WorkerDied(f"the worker process ended with exit code {process.wait()}")
            found = json.loads(reply)
            if "error" in found:
                raise WorkerFailed(found["error"])
            future.set_result(found["answer"])
        except BaseException as error:
            future.set_exception(error)

    def _process(self, slot: int) -> subprocess.Popen[bytes]:
        process = self._processes.get(slot)
        if process is None or process.poll() is not None:
            if process is not None:
                _end(process)
            process = self._processes[slot] = _started(self._environments[slot % len(self._environments)])
        return process


_GROUP = 0 if os.name == "posix" else None
"""A process group of its own: Ctrl-C is for the parent, which ends its workers. Not a session of its own, which would
be one more party to the scheduler, with a share of the processor as large as all else that runs from this terminal."""


def _started(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "presage.training.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **environment},
        process_group=_GROUP,
    )


def _ask(process: subprocess.Popen[bytes], request: bytes) -> bytes | None:
    """The reply; None where the process died before giving a whole one."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(request)
        process.stdin.flush()
        reply = line_of(process.stdout, process.pid)
    except (OSError, ValueError):
        return None
    return reply if reply.endswith(b"\n") else None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        try:
            stream.close()
        except OSError:
            continue  # what it did not read any more
