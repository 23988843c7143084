"""Commands of their own, which need torch and numpy alone: ``python -m presage.probe`` and that of campaigns."""

from __future__ import annotations

import sys
from collections.abc import Callable

from presage.errors import PresageError, WrongInput
from presage.interruption import Interrupted, interruptible, leave
from presage.terminal import one_line
from presage.training.stopped import told_by

__all__ = ["run_alone"]


def run_alone(name: str, work: Callable[[], int]) -> int:
    """The exit code of a command: that of its work; or, with a line that says why, 1, 2 (wrong input), 130 or 143.

    Args:
        name: stands before lines about the command itself.
    """

    def say(before: str) -> None:
        line = f"{before}{name}: interrupted. Type the same command to go on where it stopped."
        print(line, file=sys.stderr, flush=True)

    try:
        with told_by(name), interruptible(say):
            return work()
    except Interrupted as interruption:
        leave(interruption.code)
    except PresageError as error:
        print(one_line(error), file=sys.stderr)
        return 2 if isinstance(error, WrongInput) else 1
