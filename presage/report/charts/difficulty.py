"""Where a dataset stands among the known ones: its DCN on a line, one mark for each seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from presage.report.charts.scale import AxisScale, Tick

__all__ = ["DifficultyLine", "Label", "difficulty_line"]

WIDTH, _EDGE, _ROWS, _LONGEST = 980, 40, 4, 24


@dataclass(frozen=True)
class Label:
    """A dataset: its place along the line in pixels, the row its name is written in (None: no room), and the name."""

    at: float
    row: int | None
    name: str
    dcn: float


@dataclass(frozen=True)
class DifficultyLine:
    """The line.

    Attributes:
        name: of the dataset, and its mean `dcn`; None without any.
        own: places of its seeds, in pixels.
        known: the datasets of the database, easiest last.
        by: recipe of the probe, in words.
    """

    name: str
    dcn: float | None
    own: tuple[float, ...]
    name_at: float
    known: tuple[Label, ...]
    ticks: tuple[Tick, ...]
    by: str
    width: int = WIDTH


def difficulty_line(name: str, dcns: Sequence[float], known: Mapping[str, float], by: str = "") -> DifficultyLine:
    """The dataset on the line of the known ones; names that would run into each other take rows of their own."""
    x = AxisScale(0.0, 1.0, _EDGE, WIDTH - _EDGE)
    last = [-100.0] * _ROWS
    labels = []
    for label, value in sorted(known.items(), key=lambda item: item[1]):
        half = 3.6 * min(len(label), _LONGEST) + 5
        at = min(max(x(value), half), WIDTH - half)
        row = next((row for row in range(_ROWS) if at - half > last[row]), None)
        if row is not None:
            last[row] = at + half
        labels.append(Label(round(x(value), 1), row, label, value))
    mean = sum(dcns) / len(dcns) if dcns else None
    name_at = min(max(x(mean or 0.0), 130.0), WIDTH - 130.0)
    return DifficultyLine(
        name, mean, tuple(round(x(value), 1) for value in dcns), round(name_at, 1), tuple(labels), x.ticks, by
    )
