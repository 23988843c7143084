"""`presage report RUN`: write the report of a run folder anew."""

from __future__ import annotations

import argparse
import json

from presage.arguments import Arguments
from presage.places import path_argument

SUMMARY = "write the report.html of a run folder anew"


def arguments(parser: Arguments) -> None:
    parser.add_argument("run", type=path_argument, metavar="RUN", help="a run folder of `presage search`")


def run(options: argparse.Namespace) -> int:
    from presage.report import write_report

    page = write_report(options.run)
    print(json.dumps({"report": str(page)}) if options.json else page)
    return 0
