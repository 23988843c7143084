"""What the commands share: the words for dataset and networks, and a `Session` whose progress is drawn on stderr."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from presage.arguments import Arguments
from presage.network_names import FORMS
from presage.progress import ProgressBars
from presage.session import Session
from presage.surrogate.predictors.registry import PREDICTORS
from presage.terminal import one_line
from presage.training.datasets.kinds import listed

if TYPE_CHECKING:
    from presage.at_images import RefusedNetwork
    from presage.steps.prediction import Predicted
    from presage.steps.training import Trained
    from presage.training import ImageDataset

__all__ = [
    "add_architectures", "add_dataset", "add_predictor", "dataset_of", "notice", "print_notes", "session_of", "warn",
]  # fmt: skip


def add_dataset(parser: Arguments) -> None:
    """Declare what `dataset_of` reads."""
    parser.add_argument("dataset", metavar="DATASET", help=listed())
    parser.add_argument(
        "--skip-corrupt", action="store_true", help="pass over images that cannot be read, and say which"
    )


def add_architectures(parser: Arguments) -> None:
    """Declare the networks that `read_networks` reads."""
    parser.add_argument("architectures", metavar="ARCH", nargs="+", help=FORMS)


def add_predictor(parser: Arguments) -> None:
    """Declare which accuracy predictor is asked, and what it is fitted to."""
    parser.add_argument("--predictor", default="ensemble", metavar="NAME", help=PREDICTORS.listed("ensemble"))
    parser.add_argument(
        "--refit", action="store_true",
        help="fit the predictor to all of the experience first (minutes), with the newest experiments of other tasks, "
        "which else wait for the next fit",
    )  # fmt: skip


@contextmanager
def session_of(options: argparse.Namespace) -> Iterator[Session]:
    """The session of a command; its bar is closed at the end."""
    with ProgressBars(quiet=options.quiet) as bars:
        yield Session(
            database=options.database,
            device=options.device,
            seed=options.seed,
            progress=bars,
            predictor=getattr(options, "predictor", "ensemble"),
            skip_corrupt=getattr(options, "skip_corrupt", False),
            refit=getattr(options, "refit", False),
        )


def notice(text: str, options: argparse.Namespace) -> None:
    """One line on stderr, unless --quiet."""
    if not options.quiet:
        warn(text)


def warn(text: str) -> None:
    """One line on stderr, with --quiet too: what the user should know of the data."""
    print(f"presage: {one_line(text)}", file=sys.stderr)


def dataset_of(session: Session, options: argparse.Namespace) -> ImageDataset:
    """The dataset that the options name; what was skipped or guessed while it was read, and imbalance, are told, with
    --quiet too."""
    from presage.training.balance import imbalance

    dataset = session.dataset(options.dataset)
    for line in (*dataset.warnings, *imbalance(dataset)):
        warn(line)
    return dataset


def print_notes(rows: Sequence[Predicted | Trained], refused: Sequence[RefusedNetwork]) -> None:
    """What is to be known of networks beyond their row: what was changed to make them fit, why they were refused."""
    for row in rows:
        if row.notes:
            print(one_line(f"{row.name}: {'; '.join(row.notes)}."))
    for one in refused:
        print(one_line(one.reason if one.name in one.reason else f"{one.name}: {one.reason}"))
