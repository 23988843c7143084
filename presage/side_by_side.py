"""`--workers`: how many networks are trained at once, for every command that trains several."""

from __future__ import annotations

import argparse
from typing import Any, Protocol

from presage.console import notice
from presage.output import up_to

__all__ = ["AUTO", "add_workers", "told_workers", "workers"]

AUTO = "auto"


class TakesOptions(Protocol):
    """A command line, or a group of it."""

    def add_argument(self, *names: str, **settings: Any) -> Any:
        """Take an option, as argparse does."""


def add_workers(parser: TakesOptions, what: str) -> None:
    """The option; `what` are trained at once."""
    parser.add_argument(
        "--workers", type=workers, default=AUTO, metavar="N",
        help=f"{what} at once, each in a process of one thread: auto (default) is one for each core, or four for each "
        "GPU; results are the same for any number",
    )  # fmt: skip


def workers(text: str) -> int | str:
    """A number of workers, or `auto`, for argparse."""
    return text if text == AUTO else up_to(1024)(text)


def told_workers(options: argparse.Namespace, owner: str, most: int | None = None) -> None:
    """Say on stderr what `auto` chose, of `most` at most."""
    from presage.training.executors import slots_of, workers_in_words

    slots = slots_of(options.workers, options.device, owner)
    if options.workers == AUTO and min(slots, most or slots) > 1:
        notice(f"{workers_in_words(min(slots, most or slots), options.device)} (--workers auto).", options)
