"""Pictures of a search that runs: scores of its candidates, and learning curves; SVG in the colours of the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from markupsafe import Markup, escape

__all__ = ["curves_chart", "scores_chart"]

_WIDTH, _HEIGHT, _LEFT, _ABOVE, _BELOW = 560, 230, 48, 20, 24
_MOST_POINTS = 400
_COLOURS = ("#4c78a8", "#e45756", "#54a24b", "#b279a2", "#f58518", "#72b7b2", "#9d755d", "#bab0ac")


def scores_chart(scores: Sequence[float | None], label: str) -> Markup | None:
    """Scores in the order of proposal, and the best so far; None with fewer than two.

    Args:
        scores: (n,) None for a candidate without one.
        label: what the scores are.
    """
    known = [(at, value) for at, value in enumerate(scores, 1) if value is not None]
    if len(known) < 2:
        return None
    frame = _Frame(len(scores), [value for _, value in known])
    every = max(len(known) // _MOST_POINTS, 1)
    dots = "".join(
        f'<circle cx="{frame.x(at):.1f}" cy="{frame.y(value):.1f}" r="1.5"/>' for at, value in known[::every]
    )
    best = zip([at for at, _ in known], accumulate((value for _, value in known), max), strict=True)
    said = f"{label} of {len(scores):,} candidates; the best so far {max(value for _, value in known):.3f}"
    drawn = f'<g class="dots">{dots}</g>{frame.line(best, _COLOURS[0])}'
    return frame.drawn(drawn, said, "candidates", label)


def curves_chart(curves: Mapping[str, Sequence[float]]) -> Markup | None:
    """Learning curves by the names of their networks; None where no network has finished an epoch."""
    begun = {name: curve for name, curve in curves.items() if curve}
    if not begun:
        return None
    longest = max(map(len, begun.values()))
    frame = _Frame(longest, [value for curve in begun.values() for value in curve])
    lines, names = [], []
    for number, (name, curve) in enumerate(begun.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        lines.append(frame.line(enumerate(curve, 1), colour, name))
        names.append(f'<li><i style="background:{colour}"></i>{escape(name)}</li>')
    said = f"validation accuracy after each of up to {longest} epochs, of {len(begun)} networks"
    picture = frame.drawn("".join(lines), said, "epochs", "validation accuracy")
    return picture + Markup(f'<ul class="legend">{"".join(names)}</ul>')


class _Frame:
    """Axes fitted to the data: x from 1 to `last`, y within `values`."""

    def __init__(self, last: int, values: Sequence[float]) -> None:
        self.last = max(last, 2)
        self.low, self.high = min(values), max(values)
        if self.high - self.low < 1e-3:
            self.low, self.high = self.low - 1e-3, self.high + 1e-3

    def x(self, at: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 8) * (at - 1) / (self.last - 1)

    def y(self, value: float) -> float:
        return _ABOVE + (_HEIGHT - _BELOW - _ABOVE) * (self.high - value) / (self.high - self.low)

    def line(self, points: Iterator[tuple[int, float]] | enumerate[float], colour: str, name: str = "") -> str:
        """A line through points; one point alone is a dot."""
        places = [f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in points]
        title = f"<title>{escape(name)}</title>" if name else ""
        if len(places) == 1:
            x, y = places[0].split(",")
            return f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}">{title}</circle>'
        return (
            f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}" stroke-width="2">{title}</polyline>'
        )

    def drawn(self, marks: str, said: str, below: str, beside: str) -> Markup:
        """The picture with its axes."""
        ends = "".join(
            f'<text x="{_LEFT - 6}" y="{self.y(value) + 4:.1f}" text-anchor="end">{value:.3f}</text>'
            for value in (self.low, self.high)
        )
        floor = _HEIGHT - _BELOW
        told = escape(said)
        return Markup(
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{told}"><title>{told}</title>'
            f'<path class="axes" d="M{_LEFT} {_ABOVE}V{floor}H{_WIDTH - 8}"/>{ends}'
            f'<text x="{_LEFT}" y="{_HEIGHT - 6}">1</text>'
            f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 6}" text-anchor="end">{self.last:,} {escape(below)}</text>'
            f'<text x="{_LEFT}" y="12">{escape(beside)}</text>{marks}</svg>'
        )
