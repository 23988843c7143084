"""Children of a process that has imported all: each begins at once, is watched, and cannot take the trial with it."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Child", "Say", "end_all", "loaded", "over", "warm"]

Say = Callable[[Any], None]
"""How a child tells of something: a JSON value."""

_AT_REST = 0.05  # seconds of processor time: less in minutes is waiting for something
_BEGINNING = threading.Lock()  # a fork while another thread imports would leave the child a lock that nobody lets go of


_alive: set[Child] = set()
_over: list[bool] = []


def end_all() -> None:
    """Kill all children, whichever thread waits for them; whoever begins another is interrupted."""
    with _BEGINNING:
        _over.append(True)
    for child in list(_alive):
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError):
                kill(child.number, signal.SIGKILL)


def over() -> bool:
    """Whether children were ended by `end_all`, so that what came of them says nothing."""
    return bool(_over)


def loaded() -> list[str]:
    """The modules that this process has imported, in order."""
    return list(sys.modules)


def warm(modules: Sequence[str]) -> None:
    """Import what a child had to import, so that those after it need not: of work of a second that is most."""
    with _BEGINNING:
        for name in modules:
            if name not in sys.modules:
                with contextlib.suppress(Exception):  # names that are no modules of a file, such as `torch.ops`
                    importlib.import_module(name)


@dataclass(eq=False)
class Child:
    """A process that runs a function, and what it says.

    Attributes:
        number: its process id.
        code: how it ended, once it has; negative where a signal ended it.
    """

    number: int
    _pipe: int
    code: int | None = None
    _read: bytes = b""

    def __post_init__(self) -> None:
        _alive.add(self)

    @classmethod
    def running(cls, work: Callable[[Say], int]) -> Child:
        """Fork; the child ends with the code that `work` gives, or 70 where that raises."""
        with _BEGINNING:
            if _over:
                raise KeyboardInterrupt
            reading, writing = os.pipe()
            number = os.fork()
            if number:
                os.close(writing)
                return cls(number, reading)
        code = 70
        try:
            os.close(reading)
            os.setpgid(0, 0)  # Ctrl-C is for the parent, which ends it
            for sign in (signal.SIGINT, signal.SIGTERM):  # which may be in the background, where shells ignore them
                signal.signal(sign, signal.SIG_DFL)  # no exception before the work, nor after it
            with open(os.devnull, "r+") as nowhere:  # noqa: PTH123 - the child's own streams
                for stream in (0, 1, 2):
                    os.dup2(nowhere.fileno(), stream)
            code = work(lambda value: _whole(writing, json.dumps(value).encode() + b"\n"))
        finally:
            os._exit(code)

    def said(self, silent: float) -> Iterator[Any]:
        """What it says, as it comes, until it ends; it is ended where it hangs.

        That is, where it says nothing for so many seconds of its own processor time, or of the clock while it computes
        nothing: on a machine that is busy with other things work may take long, and goes on all the same.
        """
        heard = before = 0.0
        while True:
            *lines, self._read = self._read.split(b"\n")
            yield from (json.loads(line) for line in lines)
            if not select.select([self._pipe], [], [], silent)[0]:
                now = self.seconds()
                if now - before < _AT_REST or now - heard > silent:
                    self.end()
                    return
                before = now
                continue
            heard = before = self.seconds()
            more = os.read(self._pipe, 1 << 16)
            if not more:
                self.wait()
                return
            self._read += more

    def wait(self) -> int:
        """How it ended."""
        if self.code is None:
            _, status = os.waitpid(self.number, 0)
            self._ended(status)
        assert self.code is not None
        return self.code

    def _ended(self, status: int) -> None:
        self.code = os.waitstatus_to_exitcode(status)
        os.close(self._pipe)
        _alive.discard(self)

    def waited(self, seconds: float) -> int | None:
        """How it ended; None where it has not within so long."""
        if self.code is not None:
            return self.code
        until = time.monotonic() + seconds
        with _ending(self.number) as ended:
            while self.code is None:
                found, status = os.waitpid(self.number, os.WNOHANG)
                if found:
                    self._ended(status)
                elif (left := until - time.monotonic()) <= 0:
                    return None
                else:
                    ended(left)
        return self.code

    def seconds(self) -> float:
        """Of processor time that it has taken; of a machine that is busy with other things the clock says little."""
        try:
            fields = Path(f"/proc/{self.number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, sign: int) -> None:
        """Send it a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.number, sign)

    def end(self) -> int:
        """Kill it, with what it began."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.number, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.number, signal.SIGKILL)
        return self.wait()


@contextlib.contextmanager
def _ending(number: int) -> Iterator[Callable[[float], object]]:
    """Waits for so many seconds, or until a child ends; without asking again and again where the system has that."""
    if not hasattr(os, "pidfd_open"):
        yield lambda seconds: time.sleep(min(seconds, 0.01))
        return
    handle = os.pidfd_open(number)
    try:
        yield lambda seconds: select.select([handle], [], [], seconds)
    finally:
        os.close(handle)


def _whole(to: int, content: bytes) -> None:
    while content:
        content = content[os.write(to, content) :]
