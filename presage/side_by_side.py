"""`--workers`: how many networks are trained at once, for every command that trains several."""

from __future__ import annotations

import argparse
from typing import Any, Protocol

from presage.console import notice
from presage.training.worker_sites import AUTO_WORKERS as AUTO
from presage.training.worker_sites import FORMS, workers_argument

__all__ = ["AUTO", "add_workers", "told_place", "told_workers"]


class TakesOptions(Protocol):
    """A command line, or a group of it."""

    def add_argument(self, *names: str, **settings: Any) -> Any:
        """Take an option, as argparse does."""


def add_workers(parser: TakesOptions, what: str) -> None:
    """The option; `what` are trained at once."""
    parser.add_argument(
        "--workers", type=workers_argument, default=AUTO, metavar="N",
        help=f"{what} at once, each in a process of one thread: auto (default) is one for each core, or four for each "
        f"GPU; or {FORMS}. Results are the same for any",
    )  # fmt: skip


def told_workers(options: argparse.Namespace, owner: str, most: int | None = None) -> None:
    """Say on stderr what `auto` chose, of `most` at most."""
    from presage.training.executors import slots_of, workers_in_words

    if options.workers != AUTO:
        return
    slots = slots_of(options.workers, options.device, owner)
    if min(slots, most or slots) > 1:
        notice(f"{workers_in_words(min(slots, most or slots), options.device)} (--workers auto).", options)


def told_place(words: str, options: argparse.Namespace) -> None:
    """Say on stderr which machines train, where it is not this one."""
    if words:
        notice(words, options)
