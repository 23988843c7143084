"""Being interrupted: Ctrl-C and SIGTERM end a command within seconds, in one line, wherever it is.

Python hears a signal only between its own steps, and a library may compute for many seconds in one of them. So a thread
hears it too: it stops queries of the database at once, and after `GRACE` seconds it ends the process. That is a kill,
which loses nothing: files and transactions are written whole or not at all. What was being written beside is removed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from presage.files import unfinished

__all__ = ["GRACE", "Interrupted", "interruptible", "leave"]

GRACE = 1.2
"""Seconds in which the work may end by itself."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_EXIT = 128  # and the signal's number: 130, 143


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end.

    Attributes:
        code: what it exits with.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


@contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[None]:
    """Within the block SIGINT and SIGTERM raise `Interrupted`; and what does not end then is ended.

    A signal that is ignored, as of a background job, stays so. Threads but the main one hear none.

    Args:
        say: tells the user, once; given what is to stand before it, as a bar may be drawn half.

    A process whose block was interrupted ends `GRACE` seconds later, whatever it does then: threads may hold it back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [one for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
    codes: list[int] = []

    def end(number: int, frame: FrameType | None) -> NoReturn:
        codes.append(_EXIT + number)
        raise Interrupted(codes[0])

    before = {one: signal.signal(one, end) for one in heard}
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before_fd = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    told = threading.Lock()
    threading.Thread(target=_watch, args=(reading, told, say), daemon=True).start()
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if not codes:
            raise
        if told.acquire(blocking=False):
            say("")
        if isinstance(error, Interrupted):
            raise
        raise Interrupted(codes[0]) from None  # as a library told it, in its own way
    finally:
        signal.set_wakeup_fd(before_fd)
        for one, handler in before.items():
            signal.signal(one, handler)
        os.close(writing)  # ends the thread, unless a signal was heard


def leave(code: int) -> NoReturn:
    """End the process whose work was interrupted, with an exit code.

    Python's own way out frees all memory and waits for threads: a second, and several where the machine is busy.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)


def _watch(reading: int, told: threading.Lock, say: Callable[[str], None]) -> None:
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while (number := pipe.read(1)) and number[0] not in _SIGNALS:
            continue  # another signal that Python handles
    if not number:
        return
    _interrupt_queries()
    threading.Event().wait(GRACE)  # a process that has ended by then takes this thread with it
    if told.acquire(blocking=False):
        with suppress(Exception):
            say("\n")
    for path in unfinished():
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            path.unlink()
    os._exit(_EXIT + number[0])


def _interrupt_queries() -> None:
    database = sys.modules.get("presage.database.connection")  # else nothing of it is open
    if database is not None:
        with suppress(Exception):
            database.interrupt_all()
