"""The report's section about the dataset: what more of it would bring, and which images are to be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from presage.report.charts.scale import AxisScale

if TYPE_CHECKING:
    from presage.probe.inspection.issue import Inspection, Issue
    from presage.report.pictures import Picture, Pictures

__all__ = ["Difficulty", "Gain", "Shown", "ShownSuspect", "difficulty_of", "issues_of"]

MOST_SUSPECTS, MOST_ISSUES = 12, 6

WIDTH = 220
"""Of the bar of a gain, in pixels."""


@dataclass(frozen=True)
class Gain:
    """What a change would bring, in points of accuracy, and its interval; beside it pixels along a bar."""

    words: str
    value: float
    lower: float
    upper: float
    level: float
    at: float
    start: float
    end: float
    zero: float


@dataclass(frozen=True)
class ShownSuspect:
    """An image whose label is doubted."""

    image: str
    label: str
    looks_like: str
    confidence: float
    picture: Picture | None


@dataclass(frozen=True)
class Difficulty:
    """Of a difficulty card: gains, doubted images, and the dataset's classes."""

    gains: tuple[Gain, ...]
    suspects: tuple[ShownSuspect, ...]
    doubted: int


@dataclass(frozen=True)
class Shown:
    """An issue of an inspection with its picture."""

    issue: Issue
    picture: Picture | None


def difficulty_of(card: Mapping[str, Any], pictures: Pictures) -> Difficulty:
    """Of a card as the run folder keeps it; one of an earlier version says less."""
    told = card.get("outlook") or ()
    ends = [float(one[end]) for one in told for end in ("lower", "upper")]
    x = AxisScale(min([0.0, *ends]) - 0.5, max([0.0, *ends]) + 0.5, 4, WIDTH - 4)
    gains = tuple(
        Gain(
            str(one["words"]), float(one["points"]), float(one["lower"]), float(one["upper"]), float(one["level"]),
            *(round(x(float(value)), 1) for value in (one["points"], one["lower"], one["upper"], 0.0)),
        )
        for one in told
    )  # fmt: skip
    noise = card.get("noise") or {}
    suspects = noise.get("suspects", ())
    return Difficulty(gains, tuple(_suspect(one, pictures) for one in suspects[:MOST_SUSPECTS]), len(suspects))


def _suspect(one: Mapping[str, Any], pictures: Pictures) -> ShownSuspect:
    row = int(one["image"])
    return ShownSuspect(
        str(one.get("file") or f"x_train[{row}]"),
        str(one.get("label_name", one["label"])),
        str(one.get("looks_like_name", one["looks_like"])),
        float(one["confidence"]),
        pictures.of("train", row),
    )


def issues_of(inspection: Inspection, pictures: Pictures) -> dict[str, list[Shown]]:
    """Kind → the first issues of that kind, with their pictures where images are at hand."""
    return {
        kind: [Shown(one, pictures.of(one.part, one.row)) for one in inspection.of(kind)[:MOST_ISSUES]]
        for kind, number in inspection.counts.items()
        if number
    }
