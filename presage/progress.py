"""How far the work is: told by `session.progress(stage, done, total)`, drawn on stderr as bars with time left, or in a
notebook as its own."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["OnStage", "Progress", "ProgressBars", "no_progress", "shown_progress"]

OnStage = Callable[[str, int, int | None], None]
"""``progress(stage, done, total)``: how far a stage of the work is."""

Progress = OnStage | bool
"""What the functions of presage take: True draws bars, False nothing, and a function is told."""

_WORTH_LEAVING = 2.0  # seconds: bars of what took less go when they are done


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Tell nobody."""


class ProgressBars:
    """An `OnStage` that draws one bar a stage: on a terminal as it goes, elsewhere a line now and then.

    A stage that begins again gets a new bar. What was done when a bar begins (by a run before, say) does not count as
    speed.

    Args:
        quiet: draw nothing.
        passing: bars of what took less than two seconds are wiped out again, and in a notebook bars are its own.
    """

    def __init__(self, *, quiet: bool = False, passing: bool = False) -> None:
        self.quiet = quiet
        self.passing = passing
        self._stage, self._began = "", 0.0
        self._bar: tqdm[None] | None = None

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if self.quiet:
            return
        try:
            bar = _terminal_bar()
        except ImportError:  # a machine with only torch and numpy: a plain line a step
            print(f"{stage}: {done}/{total or '?'}", file=sys.stderr, flush=True)
            return
        if self._bar is None or stage != self._stage or done < self._bar.n:
            self.close()
            self._stage, self._began = stage, time.monotonic()
            kind = _notebook_bar() if self.passing else None
            told = {"total": total, "desc": stage, "initial": done}
            self._bar = kind(**told) if kind is not None else bar(**told, **_ON_TERMINAL, **_on_stderr())
        if total is not None and self._bar.total != total:
            self._bar.total = total
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the bar that is drawn."""
        if self._bar is not None:
            if self.passing and time.monotonic() - self._began < _WORTH_LEAVING:
                self._bar.leave = False
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def shown_progress(progress: Progress) -> Iterator[OnStage]:
    """What a function of presage tells its progress to; bars are closed at the end."""
    if callable(progress):
        yield progress
        return
    with ProgressBars(quiet=not progress, passing=True) as bars:
        yield bars


_ON_TERMINAL: dict[str, Any] = {
    "dynamic_ncols": True,
    "bar_format": "{desc:<28} {percentage:3.0f}% |{bar:24}| {n_fmt}/{total_fmt}, {remaining} left",
    "leave": True,
}


def _on_stderr() -> dict[str, Any]:
    return {"file": sys.stderr, "mininterval": 0.2 if sys.stderr.isatty() else 5.0}


@cache
def _terminal_bar() -> type[tqdm[None]]:
    """tqdm's bar, for one process alone.

    tqdm's own lock is for many processes: where these are not forked (macOS, Linux from Python 3.14 on) it starts a
    process, which complains of it when a command that was interrupted ends at once.
    """
    from tqdm import tqdm

    class TerminalBar(tqdm):  # type: ignore[misc]  # tqdm ships no types
        _lock = threading.RLock()

    return TerminalBar


def _notebook_bar() -> type[tqdm[None]] | None:
    """A notebook's own bar, where this is one that has widgets; else None."""
    if "ipykernel" not in sys.modules:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that widgets are missing: bars of text do as well
        from tqdm.auto import tqdm as bar
    return bar if bar.__module__ == "tqdm.auto" else None  # else it is text that it draws
