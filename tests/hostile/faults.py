"""Disks that are full, failing or read-only, by a shim (`faults.c`) that is compiled and preloaded where `cc` is."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FAULTS", "ROOM", "Fault", "armed", "available", "compiled", "hits", "limited", "seen"]

WRITES, READS, SYNCS, PLACES = 1, 2, 4, 8


@dataclass(frozen=True)
class Fault:
    """What fails.

    Attributes:
        error: of the system.
        sorts: of calls that fail.
        once: whether only one does; else all that follow, too.
    """

    error: int
    sorts: int
    once: bool = False


FAULTS = {
    "disk full": Fault(errno.ENOSPC, WRITES),
    "quota used up": Fault(errno.EDQUOT, WRITES | PLACES),
    "EIO, one write": Fault(errno.EIO, WRITES, once=True),
    "EIO, writes": Fault(errno.EIO, WRITES | SYNCS),
    "EIO, one sync": Fault(errno.EIO, SYNCS, once=True),
    "EIO, one read": Fault(errno.EIO, READS, once=True),
    "EIO, reads": Fault(errno.EIO, READS),
    "read-only": Fault(errno.EROFS, WRITES | PLACES),
}
"""By what they are called."""

ROOM = "files limited"
"""Files may grow to some size (RLIMIT_FSIZE): what is tried without a compiler, too."""


def compiled(folder: Path) -> Path | None:
    """The shim, made in the folder; None where there is no compiler, or no such preloading."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    source, made = Path(__file__).with_suffix(".c"), folder / "faults.so"
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        words = [compiler, "-O1", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            return None
    return made


def available() -> bool:
    """Whether the shim is preloaded in this process."""
    return hasattr(ctypes.CDLL(None), "presage_fault_arm")


@contextmanager
def armed(fault: Fault, under: Path, skipped: int) -> Iterator[None]:
    """Within the block calls below `under` fail, after so many that do not."""
    shim = ctypes.CDLL(None)
    shim.presage_fault_arm(os.fsencode(under), fault.error, fault.sorts, ctypes.c_long(skipped), int(fault.once))
    try:
        yield
    finally:
        shim.presage_fault_disarm()


def seen() -> int:
    """Calls that there were, which might have failed."""
    return _number("presage_fault_seen")


def hits() -> int:
    """Calls that did fail."""
    return _number("presage_fault_hits")


def _number(name: str) -> int:
    call = getattr(ctypes.CDLL(None), name)
    call.restype = ctypes.c_long
    return int(call())


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Within the block no file of this process grows beyond `size` bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
