"""Other programs as trainings would be: what one takes while others run beside it is timed, not assumed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from presage.training.executors import cores

__all__ = ["neighbours"]

_LONGEST = 60  # seconds after which one ends by itself
_SPINS = f"""
import os, time
parent, end = os.getppid(), time.monotonic() + {_LONGEST}
while os.getppid() == parent and time.monotonic() < end:
    sum(range(10_000))
"""


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """So many processes that are busy for the block, no more than this machine has cores for beside the caller.

    On a machine with nothing else to do each has a core of its own, and what the caller times is the same. On one that
    others use, too, they take their share of what is left, as trainings beside it will. They end with this process,
    whatever ends it.
    """
    busy: list[subprocess.Popen[bytes]] = []
    try:
        busy.extend(_begun() for _ in range(min(count, cores() - 1)))
        yield
    finally:
        for one in busy:
            one.kill()
        for one in busy:
            one.wait()


def _begun() -> subprocess.Popen[bytes]:
    none = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", _SPINS], stdin=none, stdout=none, stderr=none)
