"""From parsed options to a `Session` whose progress is drawn on stderr."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from presage.progress import Progress
from presage.session import Session

if TYPE_CHECKING:
    from training import ImageDataset

__all__ = ["notice", "session_of", "tell_warnings"]


@contextmanager
def session_of(options: argparse.Namespace) -> Iterator[Session]:
    """The session of a command; its bar is closed at the end."""
    with Progress(quiet=options.quiet) as progress:
        yield Session(
            database=options.database,
            device=options.device,
            seed=options.seed,
            step=progress,
            predictor=getattr(options, "predictor", "ensemble"),
            skip_corrupt=getattr(options, "skip_corrupt", False),
        )


def notice(text: str, options: argparse.Namespace) -> None:
    """One line on stderr, unless --quiet."""
    if not options.quiet:
        print(f"presage: {text}", file=sys.stderr)


def tell_warnings(dataset: ImageDataset, options: argparse.Namespace) -> None:
    """What was skipped or guessed while a dataset was read."""
    for line in dataset.warnings:
        notice(line, options)
