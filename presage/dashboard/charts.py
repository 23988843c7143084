"""Pictures of a search that runs: scores of its candidates, and learning curves; SVG in the colours of the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from markupsafe import Markup, escape

from presage.report.charts.scale import AxisScale, fitted

__all__ = ["curves_chart", "scores_chart"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _ABOVE, _BELOW = 560, 250, 48, 8, 28, 36
_TITLE, _UNITS = 13, 6  # pixels from the upper edge to what is drawn, and from the lower one to what is counted
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
        again, which = divmod(number, len(_COLOURS))
        colour = _COLOURS[which]
        lines.append(frame.line(enumerate(curve, 1), colour, name, dashed=again > 0))
        filled = f"repeating-linear-gradient(90deg,{colour} 0 4px,transparent 4px 6px)" if again else colour
        names.append(f'<li><i style="background:{filled}"></i>{escape(name)}</li>')
    said = f"validation accuracy after each of up to {longest} epochs, of {len(begun)} networks"
    picture = frame.drawn("".join(lines), said, "epochs", "validation accuracy")
    return picture + Markup(f'<ul class="legend">{"".join(names)}</ul>')


class _Frame:
    """Axes fitted to the data: x from 1 to `last`, y over `values`, not beyond 1 where none of them is."""

    def __init__(self, last: int, values: Sequence[float]) -> None:
        self.floor, self.end = _HEIGHT - _BELOW, _WIDTH - _RIGHT
        self.x = AxisScale(1, max(last, 2), _LEFT, self.end, whole=True, write=lambda at: f"{at:,.0f}")
        self.y = fitted(values, self.floor, _ABOVE, most=1.0 if max(values) <= 1.0 else math.inf)

    def line(
        self, points: Iterator[tuple[int, float]] | enumerate[float], colour: str, name: str = "", dashed: bool = False
    ) -> str:
        """A line through points; one point alone is a dot."""
        places = [f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in points]
        title = f"<title>{escape(name)}</title>" if name else ""
        if len(places) == 1:
            x, y = places[0].split(",")
            return f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}">{title}</circle>'
        dashes = ' stroke-dasharray="6 3"' if dashed else ""
        drawn = f'fill="none" stroke="{colour}" stroke-width="2"{dashes}'
        return f'<polyline points="{" ".join(places)}" {drawn}>{title}</polyline>'

    def drawn(self, marks: str, said: str, below: str, above: str) -> Markup:
        """The picture with its axes; what is drawn stands above it, out of the way of the marks."""
        across = "".join(
            f'<path class="grid" d="M{_LEFT} {tick.at}H{self.end}"/>'
            f'<text x="{_LEFT - 6}" y="{tick.at + 4:.1f}" text-anchor="end">{tick.label}</text>'
            for tick in self.y.ticks
        )
        along = "".join(
            f'<text x="{tick.at}" y="{self.floor + 15}" text-anchor="{"end" if tick.at > self.end - 12 else "middle"}">'
            f"{tick.label}</text>"
            for tick in self.x.ticks
        )
        told, middle = escape(said), (_LEFT + self.end) / 2
        return Markup(
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{told}"><title>{told}</title>'
            f'{across}{along}<path class="axes" d="M{_LEFT} {_ABOVE}V{self.floor}H{self.end}"/>'
            f'<text x="{middle:.0f}" y="{_HEIGHT - _UNITS}" text-anchor="middle">{escape(below)}</text>'
            f'<text class="drawn" x="{_LEFT}" y="{_TITLE}">{escape(above)}</text>{marks}</svg>'
        )
