"""`presage dashboard RUN`: a search in the browser, while it runs or afterwards."""

from __future__ import annotations

import argparse
import json
import sys
import threading

from presage.arguments import Arguments
from presage.commands.status import add_run
from presage.output import up_to


def arguments(parser: Arguments) -> None:
    add_run(parser)
    add_port(parser)


def add_port(parser: Arguments) -> None:
    """Declare the port; `presage search --serve` takes it too."""
    parser.add_argument(
        "--port", type=up_to(65535), metavar="N", help="of the page on 127.0.0.1 (default: 8765, or one that is free)"
    )


def run(options: argparse.Namespace) -> int:
    from presage.dashboard.server import serving
    from presage.search.run.status import run_status

    run_status(options.run)  # refused before anything is served
    with serving(options.run, options.port) as address:
        print(json.dumps({"address": address}) if options.json else address, flush=True)
        if not options.quiet:
            print("presage: Ctrl-C ends the page; the search, if it runs, goes on.", file=sys.stderr, flush=True)
        threading.Event().wait()
    return 0
