"""What every chart is made of: two scales, a cloud of points, lines, and marks of single networks that never hide
each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from presage.report.charts.scale import AxisScale, Tick, fitted

__all__ = [
    "BOTTOM",
    "LEFT",
    "RIGHT",
    "TOP",
    "HEIGHT",
    "WIDTH",
    "Chart",
    "Curve",
    "Key",
    "Mark",
    "apart",
    "cloud_path",
    "frame",
    "line_path",
    "marks",
    "stairs",
]

WIDTH, HEIGHT = 480, 330
LEFT, RIGHT, TOP, BOTTOM = 62, 466, 14, 284
RADIUS = 5.0
"""Of the mark of a network, in pixels."""


@dataclass(frozen=True)
class Mark:
    """A network in a chart, in pixels.

    Attributes:
        network: key of its row in the table; "" where it has none.
        kind: what it is, which is how it is drawn: `short`, `random` or `final`.
        title: what is said of it.
        low, high: ends of an interval along y; None draws none.
        moved: it stands beside its place, which another mark has, and a line leads there.
    """

    x: float
    y: float
    own_x: float
    own_y: float
    network: str
    kind: str
    title: str
    low: float | None = None
    high: float | None = None

    @property
    def moved(self) -> bool:
        return math.hypot(self.x - self.own_x, self.y - self.own_y) > 0.5


@dataclass(frozen=True)
class Curve:
    """A line in a chart: its path as SVG writes paths; `network` and `kind` as of a mark, and `kind` may be `front`,
    `diagonal` or `best`."""

    path: str
    kind: str
    network: str = ""
    title: str = ""


@dataclass(frozen=True)
class Key:
    """A line of a chart's legend: a kind of mark, curve or `cloud`, and what it is."""

    kind: str
    label: str


@dataclass(frozen=True)
class Chart:
    """A chart, ready to be written.

    Attributes:
        title: what it shows.
        by: the recipe in words that its accuracies are by, or another remark below the title.
        cloud: path of points that are no single networks; "" of none.
        note: below the chart.
    """

    title: str
    by: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...] = ()
    curves: tuple[Curve, ...] = ()
    keys: tuple[Key, ...] = ()
    cloud: str = ""
    note: str = ""

    @property
    def any_moved(self) -> bool:
        return any(mark.moved for mark in self.marks)


def frame(
    x: Iterable[float], y: Iterable[float], *, logarithmic: bool = False, whole: bool = False, accuracy: bool = True
) -> tuple[AxisScale, AxisScale]:
    """The scales of a chart over these values.

    Args:
        logarithmic, whole: of x.
        accuracy: y is one, and lies within 0 and 1.
    """
    most = 1.0 if accuracy else math.inf
    least = 0.0 if accuracy else -math.inf
    across = fitted(x, LEFT, RIGHT, logarithmic=logarithmic, whole=whole)
    return across, fitted(y, BOTTOM, TOP, least=least, most=most)


def apart(places: Sequence[tuple[float, float]], least: float = 2 * RADIUS) -> list[tuple[float, float]]:
    """Places at least so far from each other, each as near its own as those before it leave room, in pixels."""
    found: list[tuple[float, float]] = []
    for x, y in places:
        found.append(next(place for place in _around(x, y, least) if _is_free(place, found, least)))
    return found


def _around(x: float, y: float, least: float) -> Iterable[tuple[float, float]]:
    """A place and rings around it, within the chart as far as it goes."""
    yield x, y
    for ring in range(1, 10_000):
        steps = 8 * ring
        for step in range(steps):
            angle = 2 * math.pi * step / steps
            place = x + ring * least / 2 * math.cos(angle), y + ring * least / 2 * math.sin(angle)
            if ring > 60 or (LEFT <= place[0] <= RIGHT and TOP <= place[1] <= BOTTOM):
                yield place


def _is_free(place: tuple[float, float], taken: Sequence[tuple[float, float]], least: float) -> bool:
    return all(math.hypot(place[0] - x, place[1] - y) >= least - 1e-6 for x, y in taken)


def marks(
    x: AxisScale, y: AxisScale, found: Sequence[tuple[float, float, str, str, str, float | None, float | None]]
) -> tuple[Mark, ...]:
    """Of (x value, y value, network, kind, title, low, high) each, moved apart."""
    own = [(x(one[0]), y(one[1])) for one in found]
    return tuple(
        Mark(
            round(place[0], 1), round(place[1], 1), round(true[0], 1), round(true[1], 1), network, kind, title,
            None if low is None else round(y(low), 1), None if high is None else round(y(high), 1),
        )
        for place, true, (_, _, network, kind, title, low, high) in zip(apart(own), own, found, strict=True)
    )  # fmt: skip


def cloud_path(places: Iterable[tuple[float, float]]) -> str:
    """Points as one path: as many as differ by half a pixel, however many there are."""
    distinct = sorted({(round(2 * x) / 2, round(2 * y) / 2) for x, y in places})
    return "".join(f"M{x:g} {y:g}h0" for x, y in distinct)


def line_path(places: Sequence[tuple[float, float]]) -> str:
    """A line through places."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places) if places else ""


def stairs(places: Sequence[tuple[float, float]]) -> str:
    """A line that keeps its height until the next place, and goes on to the right-hand edge."""
    if not places:
        return ""
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    path += "".join(f"H{x:.1f}V{y:.1f}" for x, y in places[1:])
    return f"{path}H{RIGHT}"
