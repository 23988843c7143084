"""Worker processes that somebody has stopped (SIGSTOP): they do nothing, and whoever waits for them is told."""

from __future__ import annotations

import os
import select
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from presage.errors import TrackerWarning, WorkerWarning

__all__ = ["LOOKS", "is_stopped", "line_of", "told_by"]

LOOKS = 15.0
"""Seconds between two looks at a worker that has not answered; it is told of when two in a row find it stopped."""


def is_stopped(process: int) -> bool:
    """Whether a process has been stopped, as the system tells it under ``/proc``; elsewhere none is known to be."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except OSError:
        return False
    return state.split()[:1] == ["T"]


def line_of(stream: IO[bytes], process: int) -> bytes:
    """The next line of a process, however long it takes; b"" at its end.

    A `WorkerWarning` says once that the process is stopped, and how it goes on: it may have been stopped on purpose, to
    give its processor to others, and what it has computed is not thrown away.
    """
    if os.name == "posix":  # elsewhere pipes cannot be waited for, nor are processes stopped
        before, told = False, False
        while not select.select([stream], [], [], LOOKS)[0]:
            now = is_stopped(process)
            if now and before and not told:
                told = True
                warnings.warn(
                    f"Worker process {process} was stopped by somebody and is waited for. "
                    f"`kill -CONT {process}` lets it go on; Ctrl-C ends the work, to be gone on with later.",
                    WorkerWarning,
                    stacklevel=2,
                )
            before = now
    return stream.readline()


@contextmanager
def told_by(command: str) -> Iterator[None]:
    """Within the block a warning of workers or trackers is a line of a command's on stderr; others are as they were."""
    before = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
        if issubclass(category, WorkerWarning | TrackerWarning):
            print(f"{command}: {message}", file=sys.stderr, flush=True)
        else:
            before(message, category, *rest, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before
