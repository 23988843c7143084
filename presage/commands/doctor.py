"""`presage doctor`: what is installed, what presage finds here, and what is missing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from presage.arguments import Arguments
from presage.output import scaled
from presage.terminal import one_line

if TYPE_CHECKING:
    from presage.steps.checkup import Checkup


def arguments(parser: Arguments) -> None:
    """It takes the options of every command alone."""


def run(options: argparse.Namespace) -> int:
    from presage.steps.checkup import checkup

    found = checkup(options.database, options.device)
    print(json.dumps(found.to_json()) if options.json else text(found))
    return 1 if found.problems else 0


def text(found: Checkup) -> str:
    """A checkup for people."""
    machine, database, predictor = found.machine, found.database, found.predictor
    packages = [(one.name, one.found or "missing", one.needed, "" if one.fits else "!") for one in found.packages]
    lines = [
        f"presage {found.presage} on {found.platform}",
        "",
        *_aligned([("package", "found", "needed", ""), *packages]),
    ]
    facts = [
        ("device", ": ".join(filter(None, (machine.device or "none", machine.device_name)))),
        ("precision", machine.precision),
    ]
    if machine.device_memory is not None:
        facts.append(("its memory", _bytes(machine.device_memory)))
    facts += [("memory", "not told" if machine.memory is None else _bytes(machine.memory))]
    facts += [("disk", f"{_bytes(free)}, {folder}") for folder, free in machine.disk.items()]
    held = (
        ""
        if database.experiments is None
        else f", {database.experiments:,} experiments on {database.datasets:,} datasets"
    )
    facts.append(("database", f"{database.path or ''}: {database.state}{held}"))
    facts.append(
        ("predictor", "shipped, and holds: no first fit" if predictor.holds else "the shipped one does not hold")
    )
    lines += ["", *_aligned(facts)]
    if found.extras:
        extras = [(one.name, "installed" if not one.missing else one.install, one.use) for one in found.extras]
        lines += ["", *_aligned([("extra", "to install", "what for"), *extras])]
    return "\n".join([*lines, "", *_ending(found)])


def _ending(found: Checkup) -> list[str]:
    notes = [one_line(f"Note: {note}") for note in found.notes]
    problems = [one_line(f"Problem: {problem}") for problem in found.problems]
    return [*notes, *(problems or ["All is well."])]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of words, each column flush left."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _bytes(size: int) -> str:
    return f"{scaled(size)}B free"
