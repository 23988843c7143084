"""How far the work is: told by `session.progress(stage, done, total)`, drawn on stderr as bars with time left."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["OnStage", "ProgressBars", "no_progress"]

OnStage = Callable[[str, int, int | None], None]
"""``progress(stage, done, total)``: how far a stage of the work is."""


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Tell nobody."""


class ProgressBars:
    """An `OnStage` that draws one bar a stage: on a terminal as it goes, elsewhere a line now and then.

    A stage that begins again gets a new bar. What was done when a bar begins (by a run before, say) does not count as
    speed.

    Args:
        quiet: draw nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._stage = ""
        self._bar: tqdm[None] | None = None

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if self.quiet:
            return
        try:
            from tqdm import tqdm
        except ImportError:  # a machine with only torch and numpy: a plain line a step
            print(f"{stage}: {done}/{total or '?'}", file=sys.stderr, flush=True)
            return
        if self._bar is None or stage != self._stage or done < self._bar.n:
            self.close()
            self._stage = stage
            self._bar = tqdm(
                total=total,
                desc=stage,
                file=sys.stderr,
                initial=done,
                dynamic_ncols=True,
                mininterval=0.2 if sys.stderr.isatty() else 5.0,
                bar_format="{desc:<28} {percentage:3.0f}% |{bar:24}| {n_fmt}/{total_fmt}, {remaining} left",
                leave=True,
            )
        if total is not None and self._bar.total != total:
            self._bar.total = total
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the bar that is drawn."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
