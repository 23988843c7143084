"""Tables of numbers as text, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from presage.terminal import one_line

__all__ = ["Table", "mean_of", "number"]


@dataclass(frozen=True)
class Table:
    """A small table, its cells already written.

    Attributes:
        name: for file names.
        title: one line; what the rows are.
        heads: column heads.
        rows: each as long as `heads`.
        note: what a reader must know; "" for nothing.
    """

    name: str
    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def text(self) -> str:
        """Aligned columns under the title, the first left-aligned."""
        lines = [[one_line(cell) for cell in line] for line in (self.heads, *self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.heads))]
        aligned = [
            "  ".join(
                [line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))]
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, *aligned, *([self.note] if self.note else [])])

    def markdown(self) -> str:
        """The rows as a Markdown table, without the title; the note below."""
        lines = [self.heads, ("---", *("---:",) * (len(self.heads) - 1)), *self.rows]
        table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        return table + (f"\n\n{self.note}" if self.note else "")

    def csv(self) -> str:
        """Comma-separated, with the heads."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerows([self.heads, *self.rows])
        return out.getvalue()


def number(value: float | None, digits: int = 3) -> str:
    """A number for a cell; an empty cell where there is none."""
    return "" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def mean_of(values: Sequence[float | None]) -> float | None:
    """Mean of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
