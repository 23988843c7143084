"""`presage populate DATASET...`: experiments and probes for the database; resumable."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from presage.console import session_of
from presage.output import positive
from presage.recipes import add_recipe_options, recipe_of

SUMMARY = "train a design of networks on datasets, for the database; resumable"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("datasets", metavar="DATASET", nargs="+", help="digits, FILE.npz, a folder, torchvision:NAME")
    parser.add_argument("--count", type=positive, default=56, metavar="N", help="experiments for each (default: 56)")
    parser.add_argument("--workers", type=positive, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/populate"),
        metavar="DIR",
        help="folder of the shards (default: %(default)s)",
    )
    parser.add_argument("--probes", type=positive, default=3, metavar="N", help="probes for each dataset (default: 3)")
    add_recipe_options(parser)


def run(options: argparse.Namespace) -> int:
    recipe = recipe_of(options)
    with session_of(options) as session:
        summary, report = session.populate(
            options.datasets, options.out, options.count, recipe, workers=options.workers, probes=options.probes
        )
    if options.json:
        answer = {
            "experiments": summary.total,
            "already": summary.already,
            "added": summary.added,
            "failed": summary.failed,
            "refused": [*summary.refused, *map(str, report.refused)],
        }
        print(json.dumps(answer))
    else:
        print(f"{summary.added} experiments added, {summary.already} were there, {summary.failed} ended early.")
        print("\n".join([*summary.refused, report.text()]))
    return 1 if summary.refused or report.refused else 0
