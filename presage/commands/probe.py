"""`presage probe DATASET`: how hard is it?"""

from __future__ import annotations

import argparse
import json

from presage.console import session_of, tell_warnings
from presage.output import positive

SUMMARY = "difficulty of a dataset: DCN, difficulty card, nearest known datasets"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dataset", metavar="DATASET", help="digits, FILE.npz, a folder of class folders, torchvision:NAME"
    )
    parser.add_argument("--seeds", type=positive, default=3, metavar="N", help="probes, one a seed (default: 3)")
    parser.add_argument(
        "--skip-corrupt", action="store_true", help="pass over images that cannot be read, and say which"
    )


def run(options: argparse.Namespace) -> int:
    with session_of(options) as session:
        dataset = session.dataset(options.dataset)
        tell_warnings(dataset, options)
        card = session.probe(dataset, options.seeds)
    print(json.dumps(card.to_json()) if options.json else card.text())
    return 0
