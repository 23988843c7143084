"""`presage status RUN`: how far a search is."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from presage.arguments import Arguments
from presage.output import clock, scaled, table
from presage.places import path_argument
from presage.speakable import named
from presage.terminal import one_line

if TYPE_CHECKING:
    from presage.search.run.status import NetworkStatus, RunStatus


def arguments(parser: Arguments) -> None:
    add_run(parser)


def add_run(parser: Arguments) -> None:
    """Declare the run that is looked at; `presage dashboard` takes it too."""
    parser.add_argument(
        "run", type=path_argument, nargs="?", default=Path("runs/search"), metavar="RUN",
        help="run folder of a search, running or not; nothing is written there (default: %(default)s)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    from presage.search.run.status import STOPPED, run_status

    status = run_status(options.run)
    print(json.dumps(status.to_json()) if options.json else text(status))
    return 1 if status.state == STOPPED or status.failed else 0


def text(status: RunStatus) -> str:
    """A status for people."""
    what = [status.state, status.dataset, f"{status.space} by {status.strategy}" if status.space else ""]
    what += [] if status.state == "finished" else [f"last written {clock(status.quiet_seconds)} ago"]
    lines = [one_line(f"{status.folder}: {'; '.join(filter(None, what))}")]
    if status.stages:
        stages = [
            (
                one.name,
                f"{one.done:,}" + ("" if one.total is None else f" of {one.total:,}"),
                "" if one.best is None else f"{one.best:.3f}",
            )
            for one in status.stages
        ]
        lines += ["", table(("stage", "done", "best"), stages)]
    if status.networks:
        header = ("network", "predicted", "status", "epochs", "trained", "parameters")
        lines += ["", table(header, [_row(one, status.epochs) for one in status.networks])]
    lines += ["", *_ending(status)]
    return "\n".join(lines)


def _row(one: NetworkStatus, epochs: int) -> tuple[str, ...]:
    chosen = one.chosen
    last = f"{one.curve[-1]:.3f} so far" if one.curve else ""
    return (
        named(chosen.hash),
        "" if chosen.predicted is None else f"{chosen.predicted:.3f}",
        one.status,
        f"{one.epochs} of {epochs}",
        last if one.seconds is None else "" if one.accuracy is None else f"{one.accuracy:.3f}",
        scaled(chosen.parameters),
    )


def _ending(status: RunStatus) -> list[str]:
    """What the best is, and what to type next."""
    best = status.best
    found = [] if best is None else [f"Best so far: {named(best.chosen.hash)}, trained {best.accuracy:.3f}."]
    if status.result is not None:
        final = status.result.final
        last = None if final is None else final.best
        if last is not None:
            found = [f"Best: {named(last.hash)}, trained {last.accuracy:.3f} by the final recipe."]
        found += [str(final.ensemble)] if final is not None and final.ensemble is not None else []
        where = f"Best network: {status.folder / 'best'}   Report: {status.result.report}"
        return [*found, one_line(where)] if best is not None else ["No network was trained to its end."]
    if status.state == "stopped":
        found.append("It was stopped. Type the command that began it to go on where it was.")
    if status.state == "prepared":
        found.append("The dataset is probed; the search itself has not begun.")
    return found
