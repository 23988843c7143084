"""`presage report RUN`: write the report of a run folder anew."""

from __future__ import annotations

import argparse
import json

from presage.arguments import Arguments
from presage.console import session_of
from presage.places import path_argument
from presage.training.datasets.kinds import listed


def arguments(parser: Arguments) -> None:
    parser.add_argument(
        "run", type=path_argument, metavar="RUN", help="a run folder of `presage search`, or of `presage text search`"
    )
    parser.add_argument(
        "--data", metavar="DATASET", help=f"the dataset of the run, to show the images that were mistaken: {listed()}"
    )


def run(options: argparse.Namespace) -> int:
    from presage.report import write_report
    from presage.report.cells import is_of_cells, write_cell_report
    from presage.search.run.run_folder import as_begun

    if is_of_cells(options.run):
        page = write_cell_report(options.run)
        print(json.dumps({"report": str(page)}) if options.json else page)
        return 0
    dataset = None
    if options.data is not None:
        with session_of(options) as session:
            dataset = as_begun(options.run, session.dataset(options.data))
    page = write_report(options.run, dataset=dataset)
    print(json.dumps({"report": str(page)}) if options.json else page)
    return 0
