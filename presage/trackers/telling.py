"""`Telling`: trackers are told in threads of their own, so that one that fails or hangs holds nothing up."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import Any, Self, TextIO, cast

from presage.errors import TrackerWarning
from presage.trackers.tracker import FAILED, FINISHED, INTERRUPTED, Tracked, Tracker, Value

__all__ = ["Telling"]

PATIENCE = 60.0
"""Seconds that the end waits for one call of a tracker: a server that does not answer is tried for minutes."""

_Call = Callable[[Tracker], None]


class _Listener(Thread):
    """One tracker in a thread: calls it in order, until it fails."""

    def __init__(self, tracker: Tracker) -> None:
        super().__init__(name=f"presage tells {type(tracker).__name__}", daemon=True)
        self.tracker = tracker
        self.calls: SimpleQueue[_Call | None] = SimpleQueue()
        self.failure: str | None = None
        self.done = 0  # calls

    def run(self) -> None:
        while (call := self.calls.get()) is not None:
            try:
                call(self.tracker)
                self.done += 1
            except BaseException as error:  # a library that exits is no reason to stop training
                self.failure = " ".join(f"{type(error).__name__}: {error}".split())[:300]
                return


class _Aside:
    """Standard output of which what trackers print goes to stderr: it is the command's answer, and may be JSON."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        stream = sys.stderr if isinstance(current_thread(), _Listener) else self._stream
        return int(stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Telling:
    """Tells trackers of one search or training, from `begin` to `end`; a context.

    Args:
        trackers: to be told.
        tracked: what begins.
        patience: seconds that the end waits for a call of one of them to be done.
    """

    def __init__(self, trackers: Sequence[Tracker], tracked: Tracked, patience: float = PATIENCE) -> None:
        self._listeners = [_Listener(tracker) for tracker in trackers]
        self._tracked, self._patience = tracked, patience
        self._told: set[tuple[str, int]] = set()
        self._values: Mapping[str, float] = {}
        self._files: Sequence[Path] = ()
        self._stdout = ExitStack()

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def __enter__(self) -> Self:
        if self._listeners:
            self._stdout.enter_context(redirect_stdout(cast(TextIO, _Aside(sys.stdout))))
        for listener in self._listeners:
            listener.start()
        self._tell(lambda tracker: tracker.begin(self._tracked))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        state = FINISHED if kind is None else FAILED if issubclass(kind, Exception) else INTERRUPTED
        values, files = self._values, [path for path in self._files if path.exists()]
        self._tell(lambda tracker: tracker.end(state, values, files))
        for listener in self._listeners:
            listener.calls.put(None)
        self._wait()
        self._stdout.close()
        self._hear()

    def epoch(self, network: str, epoch: int, values: Mapping[str, float]) -> None:
        """As `Tracker.epoch`; an epoch that was told before is not told again."""
        if (network, epoch) not in self._told:
            self._told.add((network, epoch))
            self._tell(lambda tracker: tracker.epoch(network, epoch, values))

    def network(self, network: str, values: Mapping[str, Value | None]) -> None:
        """As `Tracker.network`, without what is None."""
        known = {name: value for name, value in values.items() if value is not None}
        self._tell(lambda tracker: tracker.network(network, known))

    def ending(self, values: Mapping[str, float | None], files: Sequence[Path]) -> None:
        """What `Tracker.end` will be told; of the files those that are there then."""
        self._values = {name: value for name, value in values.items() if value is not None}
        self._files = files

    def _tell(self, call: _Call) -> None:
        self._hear()
        for listener in self._listeners:
            listener.calls.put(call)

    def _wait(self) -> None:
        """Until all have been told everything, or none of those that are left does anything any more."""
        left = list(self._listeners)
        while left:
            before = [listener.done for listener in left]
            left[0].join(self._patience)
            if all(one.is_alive() and one.done == done for one, done in zip(left, before, strict=True)):
                break
            left = [listener for listener in left if listener.is_alive()]
        for listener in left:
            self._warn(listener, f"has not answered for {self._patience:.0f} seconds; the last of it may be missing")

    def _hear(self) -> None:
        """Give up trackers that failed."""
        for listener in [one for one in self._listeners if one.failure is not None]:
            self._listeners.remove(listener)
            self._warn(listener, f"is told no more: {listener.failure}")

    def _warn(self, listener: _Listener, what: str) -> None:
        warnings.warn(f"{type(listener.tracker).__name__} {what.rstrip('.')}.", TrackerWarning, stacklevel=4)
