"""`presage probe DATASET`: how hard is it?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from presage.arguments import Arguments
from presage.console import add_dataset, dataset_of, session_of
from presage.output import up_to
from presage.places import path_argument


def arguments(parser: Arguments) -> None:
    add_dataset(parser)
    parser.add_argument("--seeds", type=up_to(1000), default=3, metavar="N", help="probes, one a seed (default: 3)")
    parser.add_argument(
        "--no-ladder",
        dest="ladder",
        action="store_false",
        help="leave out the probe ladder, which tells what more images, larger ones and longer training would bring",
    )
    parser.add_argument(
        "--inspect",
        action="store_true",
        help="also what is wrong with the images, by file name: duplicates, test images that leaked, faults, outliers, "
        "doubted labels",
    )
    parser.add_argument(
        "--out",
        type=path_argument,
        metavar="FOLDER",
        help="where --inspect leaves a page with thumbnails, CSV and JSON (default: NAME-inspection); in the folder of "
        "a search its report shows them",
    )


def run(options: argparse.Namespace) -> int:
    from presage.errors import InvalidArgument
    from presage.folders import check_folder
    from presage.report.inspection import CSV, PAGE
    from presage.steps.inspecting import inspect

    if options.out is not None and not options.inspect:
        raise InvalidArgument("--out", "presage probe", "stand beside --inspect", str(options.out))
    if options.out is not None:
        check_folder(options.out, "--out", "presage probe")
    with session_of(options) as session:
        session.check_database()
        dataset = dataset_of(session, options)
        card = session.probe(dataset, options.seeds, ladder=options.ladder)
        out, found = options.out or Path(f"{_file_name(dataset.name)}-inspection"), None
        if options.inspect:
            kept = session.cache("inspections")
            found = inspect(dataset, out=out, seed=session.seed, kept=kept, progress=session.progress)
    if options.json:
        inspected = {} if found is None else {"inspection": found.to_json()}
        print(json.dumps({**card.to_json(), **inspected}))
    elif found is None:
        print(card.text())
    else:
        print(card.text(), found.text(), f"  more in        {out / PAGE}, {out / CSV}", sep="\n")
    return 0


def _file_name(dataset: str) -> str:
    """A dataset's name as part of a folder's."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in dataset)
