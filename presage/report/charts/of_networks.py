"""The charts of a search: each a function of plain records of its networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from presage.report.charts.chart import BOTTOM, LEFT, RIGHT, TOP, Chart, Curve, Key, cloud_path, frame, line_path, marks
from presage.report.charts.chart import stairs as stairs_path
from presage.report.charts.scale import AxisScale, fitted

__all__ = [
    "NetworkPoint",
    "agreement_chart",
    "cost_chart",
    "curves_chart",
    "front",
    "huddled",
    "progress_chart",
]

SHORT, RANDOM = "short", "random"
_CORNER = 0.2
"""Share of a chart's range that is a corner of it."""

KINDS = {SHORT: "short-list", RANDOM: "random baseline"}


@dataclass(frozen=True)
class NetworkPoint:
    """A network as charts see it.

    Attributes:
        key: of its row.
        kind: `short` or `random`.
        name: shown with it.
        predicted, lower, upper: predicted accuracy and its interval; None where none was.
        trained: trained validation accuracy by the search's recipe; None where it has none.
        score: what it was chosen by; the predicted accuracy, or what stood for it.
        step: its place among all candidates, from 1; None where it was not proposed by the search.
        costs: by name, as charts show them.
    """

    key: str
    kind: str
    name: str
    predicted: float | None
    lower: float | None
    upper: float | None
    trained: float | None
    score: float | None
    step: int | None
    costs: Mapping[str, float]


def huddled(networks: Sequence[NetworkPoint]) -> list[NetworkPoint]:
    """The short-list, where a chart of all these networks' trained accuracies has it in a corner; else none."""
    every = [one.trained for one in networks if one.trained is not None]
    shorter = [one for one in networks if one.kind == SHORT and one.trained is not None]
    own = [one.trained for one in shorter if one.trained is not None]
    if len(own) < 2 or len(own) == len(every):
        return []
    return shorter if max(own) - min(own) < _CORNER * (max(every) - min(every)) else []


def agreement_chart(
    networks: Sequence[NetworkPoint], level: float, by: str, title: str = "Predicted against trained"
) -> Chart:
    """Predicted accuracies with their intervals against trained ones; both axes are fitted to what is there."""
    shown = [
        (one.trained, one.predicted, one.key, one.kind,
         f"{one.name}: predicted {one.predicted:.3f} ({one.lower:.3f} to {one.upper:.3f}), trained {one.trained:.3f}",
         one.lower, one.upper)
        for one in networks
        if one.predicted is not None and one.trained is not None and one.lower is not None and one.upper is not None
    ]  # fmt: skip
    heights = [value for one in shown for value in (one[1], one[5], one[6])]
    x = fitted((one[0] for one in shown), LEFT, RIGHT, least=0, most=1)
    y = fitted(heights, BOTTOM, TOP, least=0, most=1)
    return Chart(
        title, by, "trained accuracy (validation)", f"predicted accuracy, {level:.0%} interval",
        x.ticks, y.ticks, marks(x, y, shown), (Curve(_diagonal(x, y), "diagonal"),),
        (*_kinds(shown), Key("diagonal", "as predicted")),
    )  # fmt: skip


def _diagonal(x: AxisScale, y: AxisScale) -> str:
    """Where predicted and trained accuracy are equal, as far as both axes show it."""
    low, high = max(x.low, y.low), min(x.high, y.high)
    return line_path([(x(low), y(low)), (x(high), y(high))]) if low < high else ""


def _kinds(shown: Sequence[tuple[object, ...]]) -> tuple[Key, ...]:
    there = {one[3] for one in shown}
    return tuple(Key(kind, label) for kind, label in KINDS.items() if kind in there)


def front(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (cost, value) that none beats in both, from the cheapest on."""
    found: list[tuple[float, float]] = []
    for cost, value in sorted(places, key=lambda place: (place[0], -place[1])):
        if not found or value > found[-1][1]:
            found.append((cost, value))
    return found


def cost_chart(
    networks: Sequence[NetworkPoint],
    cost: str,
    *,
    by: str,
    value: str = "trained accuracy (validation)",
    candidates: Sequence[tuple[float, float]] | None = None,
    accuracy: bool = True,
    title: str = "",
) -> Chart:
    """Networks over a cost, and the Pareto front: of what was trained, or of all candidates where these are given.

    Args:
        cost: one of the points' costs, which names the axis.
        title: another than the usual one.
        candidates: (cost, score) of each; marks are then the scores of the short-list, else trained accuracies.
    """
    of = [(one, one.trained if candidates is None else one.score) for one in networks if cost in one.costs]
    shown = [
        (one.costs[cost], height, one.key, one.kind, f"{one.name}: {value} {height:.3f}, {one.costs[cost]:,.6g} {cost}",
         None, None)
        for one, height in of if height is not None and (candidates is None or one.kind == SHORT)
    ]  # fmt: skip
    places = [(one[0], one[1]) for one in shown]
    everything = places if candidates is None else [*candidates, *places]
    x, y = frame((at for at, _ in everything), (at for _, at in everything), logarithmic=True, accuracy=accuracy)
    edge = front(everything)
    keys = (*((Key("cloud", "candidate"),) if candidates is not None else ()), *_kinds(shown))
    usual = f"Trained accuracy against {cost}" if candidates is None else f"All candidates: {value} against {cost}"
    return Chart(
        title or usual, by, cost, value, x.ticks, y.ticks, marks(x, y, shown),
        (Curve(stairs_path([(x(at), y(height)) for at, height in edge]), "front"),),
        (*keys, Key("front", "Pareto front")),
        cloud="" if candidates is None else cloud_path((x(at), y(height)) for at, height in candidates if at > 0),
    )  # fmt: skip


def progress_chart(
    values: Sequence[float], networks: Sequence[NetworkPoint], name: str, by: str, *, accuracy: bool
) -> Chart:
    """Scores in the order in which candidates were proposed, the best so far, and what was short-listed."""
    shown = [
        (
            one.step,
            one.score,
            one.key,
            one.kind,
            f"{one.name}: {name} {one.score:.3f}, candidate {one.step:,}",
            None,
            None,
        )
        for one in networks
        if one.step is not None and one.score is not None
    ]
    x, y = frame((1, len(values)), (*values, *(one[1] for one in shown)), whole=True, accuracy=accuracy)
    scored = [(step, value) for step, value in enumerate(values, 1) if value == value]
    best: list[tuple[float, float]] = []
    for step, value in scored:
        if not best or value > best[-1][1]:
            best.append((step, value))
    return Chart(
        "The search", by, "candidates scored", name, x.ticks, y.ticks, marks(x, y, shown),
        (Curve(stairs_path([(x(step), y(value)) for step, value in best]), "best"),),
        (Key("cloud", "candidate"), Key("best", "best so far"), *_kinds(shown)),
        cloud=cloud_path((x(step), y(value)) for step, value in scored),
    )  # fmt: skip


def curves_chart(
    curves: Sequence[tuple[str, str, str, Sequence[float]]], by: str, title: str = "Learning curves"
) -> Chart:
    """Validation accuracy after each epoch.

    Args:
        curves: key of the network's row, kind, name, and the accuracies, (e,).
    """
    longest = max((len(curve) for *_, curve in curves), default=1)
    x, y = frame((1, longest), (value for *_, curve in curves for value in curve), whole=True)
    drawn = tuple(
        Curve(
            line_path([(x(epoch), y(value)) for epoch, value in enumerate(curve, 1)]), kind, key,
            f"{name}: {curve[-1]:.3f} after epoch {len(curve)}",
        )
        for key, kind, name, curve in curves
        if curve
    )  # fmt: skip
    there = {curve.kind for curve in drawn}
    keys = tuple(Key(f"line-{kind}", label) for kind, label in KINDS.items() if kind in there and len(there) > 1)
    return Chart(title, by, "epoch", "accuracy (validation)", x.ticks, y.ticks, curves=drawn, keys=keys)
