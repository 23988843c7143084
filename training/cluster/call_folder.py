"""Calls as files in a folder that machines share: put there by one, taken and answered by any number of workers.

::

    calls/NAME.json           waits: module, function, arguments
    taken/NAME@WORKER.json    a worker is at it: the same file, renamed, which only one can do
    answers/NAME.json         its answer, or what it raised
    beats/WORKER, beats/driver  a number that grows while whoever it is lives; clocks are never compared
    stop                      nobody will ask for more
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from presage.training.cluster.meanwhile import meanwhile

__all__ = ["DRIVER", "CallFolder", "work"]

DRIVER = "driver"
BEAT_SECONDS = 5.0
SILENT_SECONDS = 180.0
"""After which one whose number has not grown is taken for dead; network disks show what is new up to a minute late."""
_IDLE_SECONDS = 0.5


class CallFolder:
    """The files. Whoever reads them finds each whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._calls, self._taken, self._answers, self._beats = (
            folder / name for name in ("calls", "taken", "answers", "beats")
        )
        self._seen: dict[str, tuple[str, float]] = {}  # by whom: the last beat, and when it was new here

    def make(self) -> None:
        """Make the folders, for whoever asks."""
        for each in (self._calls, self._taken, self._answers, self._beats):
            each.mkdir(parents=True)

    def put(self, name: str, call: dict[str, Any]) -> None:
        """A call for the next worker that is free."""
        self._write(self._calls / f"{name}.json", call)

    def withdraw(self, name: str) -> bool:
        """Take a call back; whether no worker had it yet."""
        try:
            (self._calls / f"{name}.json").unlink()
        except FileNotFoundError:
            return False
        return True

    def take(self, worker: str) -> tuple[str, dict[str, Any]] | None:
        """The call that has waited longest, now this worker's; None where none waits."""
        for path in sorted(self._calls.glob("*.json")):
            mine = self._taken / f"{path.stem}@{worker}.json"
            with suppress(FileNotFoundError):  # another one was quicker
                path.rename(mine)
                return path.stem, json.loads(mine.read_text())
        return None

    def answer(self, name: str, worker: str, answer: dict[str, Any]) -> None:
        """What became of a call that this worker had taken."""
        self._write(self._answers / f"{name}.json", answer)
        (self._taken / f"{name}@{worker}.json").unlink(missing_ok=True)

    def answers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Those that have come, each once."""
        for path in sorted(self._answers.glob("*.json")):
            found = json.loads(path.read_text())
            path.unlink()
            yield path.stem, found

    def give_back(self, worker: str) -> list[str]:
        """Names of the calls that a dead worker was at; they wait no more, and are its no more."""
        found = []
        for path in self._taken.glob(f"*@{worker}.json"):
            path.unlink(missing_ok=True)
            found.append(path.stem.partition("@")[0])
        return found

    @contextmanager
    def beating(self, who: str) -> Iterator[None]:
        """Within the block others see that `who` lives."""

        def beat(ended: threading.Event) -> None:
            number = 0
            while self.folder.exists():
                number += 1
                with suppress(OSError):  # of a disk that is full others see in time that nothing is answered
                    (self._beats / who).write_text(str(number))
                if ended.wait(BEAT_SECONDS):
                    return

        with meanwhile(beat):
            yield

    def is_silent(self, who: str) -> bool:
        """Whether one that has begun to beat has not been heard for long."""
        try:
            beat = (self._beats / who).read_text()
        except OSError:
            beat = ""
        now = time.monotonic()
        last, since = self._seen.get(who, ("", now))
        if beat != last:
            last, since = beat, now
        self._seen[who] = last, since
        return bool(last) and now - since > SILENT_SECONDS

    def stop(self) -> None:
        """Tell the workers that nobody will ask for more."""
        with suppress(OSError):
            (self.folder / "stop").touch()

    def is_stopped(self) -> bool:
        """Whether nobody will ask for more, or the folder is gone."""
        return not self._calls.exists() or (self.folder / "stop").exists()

    def _write(self, path: Path, value: dict[str, Any]) -> None:
        draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
        draft.write_text(json.dumps(value))
        draft.replace(path)


def work(folder: str, worker: str) -> None:
    """What a worker does: answer calls, until nobody asks for more, or whoever asked is not heard any longer."""
    calls = CallFolder(Path(folder))
    with calls.beating(worker):
        while not calls.is_stopped() and not calls.is_silent(DRIVER):
            taken = calls.take(worker)
            if taken is None:
                time.sleep(_IDLE_SECONDS)
                continue
            name, call = taken
            try:
                answer = {"answer": getattr(import_module(call["module"]), call["function"])(*call["arguments"])}
            except Exception as error:  # whatever a call does, the worker goes on
                answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"}
            if calls.is_stopped():
                return
            calls.answer(name, worker, answer)
