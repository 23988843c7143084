"""`presage probe DATASET`: how hard is it?"""

from __future__ import annotations

import argparse
import json

from presage.arguments import Arguments
from presage.console import add_dataset, dataset_of, session_of
from presage.output import positive

SUMMARY = "difficulty of a dataset: DCN, difficulty card, nearest known datasets"


def arguments(parser: Arguments) -> None:
    add_dataset(parser)
    parser.add_argument("--seeds", type=positive, default=3, metavar="N", help="probes, one a seed (default: 3)")
    parser.add_argument(
        "--no-ladder",
        dest="ladder",
        action="store_false",
        help="leave out the probe ladder, which tells what more images, larger ones and longer training would bring",
    )


def run(options: argparse.Namespace) -> int:
    with session_of(options) as session:
        session.check_database()
        dataset = dataset_of(session, options)
        card = session.probe(dataset, options.seeds, ladder=options.ladder)
    print(json.dumps(card.to_json()) if options.json else card.text())
    return 0
