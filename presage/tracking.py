"""`--log`: which experiment trackers are told, for every command that trains."""

from __future__ import annotations

import argparse

from presage.arguments import Arguments
from presage.trackers.registry import TRACKERS, trackers_of
from presage.trackers.tracker import Tracker

__all__ = ["add_log", "trackers_asked"]


def add_log(parser: Arguments) -> None:
    """The option; may be repeated."""
    parser.add_argument(
        "--log", action="append", default=[], choices=tuple(TRACKERS), metavar="TRACKER",
        help=f"tell an experiment tracker curves, options and results: {TRACKERS.listed()} (each needs its extra, as "
        "in: pip install 'presage[mlflow]'); may be repeated",
    )  # fmt: skip


def trackers_asked(options: argparse.Namespace) -> list[Tracker]:
    """The trackers that the options name, their libraries installed."""
    return trackers_of(options.log, "--log", f"presage {options.command}")
