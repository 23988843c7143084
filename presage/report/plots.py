"""The plots of the report, each a function of plain numbers that gives SVG to put into a page."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["TrainedPrediction", "difficulty_plot", "learning_curves_plot", "pareto_plot", "scatter_plot", "search_plot"]

BLUE, ORANGE, GREY = "#2b6cb0", "#dd6b20", "#a0aec0"


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # not pyplot: no global state, no display

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    return figure, axes


def _svg(figure: Figure, name: str) -> Markup:
    """SVG without XML prologue; identifiers are prefixed by `name`, since one page holds several plots."""
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    return Markup(re.sub(r'href="#', f'href="#{name}-', text))


def _say(axes: Axes, recipe: str) -> None:
    """Above a plot of accuracies: the recipe, in words, that they are by; nothing where it is unknown."""
    if recipe:
        axes.set_title(_plain(recipe), fontsize=9, color="#4a5568")


def _plain(text: str) -> str:
    """Text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")


def difficulty_plot(name: str, dcns: Sequence[float], known: Mapping[str, float], recipe: str = "") -> Markup:
    """The dataset's DCN, one tick a seed, on the line of the datasets of the database; `recipe` is the probe's."""
    figure, axes = _figure(8.6, 2.5)
    _say(axes, recipe)
    ordered = sorted(known.items(), key=lambda item: item[1])
    axes.plot([value for _, value in ordered], [0] * len(ordered), "|", color=GREY, markersize=14)
    last = [-1.0] * 4
    for label, value in ordered:
        row = next((row for row in range(4) if value - last[row] > 0.11), None)
        if row is not None:
            last[row] = value
            below = (value, -0.32 - 0.3 * row)
            axes.annotate(_plain(label), (value, 0), below, fontsize=7.5, color="#4a5568", ha="center")
    axes.plot(list(dcns), [0] * len(dcns), "o", color=ORANGE, markersize=7, alpha=0.8, clip_on=False)
    if dcns:
        mean = sum(dcns) / len(dcns)
        axes.annotate(f"{_plain(name)}: {mean:.3f}", (mean, 0), (mean, 0.42), fontsize=10, color=ORANGE, ha="center")
    axes.set(
        xlim=(0, 1.02),
        ylim=(-1.5, 0.9),
        yticks=[],
        xlabel="DCN: peak validation accuracy of the probe net (higher = easier)",
    )
    axes.spines["left"].set_visible(False)
    return _svg(figure, "difficulty")


@dataclass(frozen=True)
class TrainedPrediction:
    """Predicted accuracy of a network with its interval, and its trained validation accuracy."""

    predicted: float
    lower: float
    upper: float
    trained: float


def scatter_plot(series: Mapping[str, Sequence[TrainedPrediction]], level: float, recipe: str = "") -> Markup:
    """Predicted accuracy with its interval against trained validation accuracy.

    Args:
        series: label → networks. The first is drawn on top.
        level: nominal coverage of the intervals.
        recipe: in words, of all of them.
    """
    figure, axes = _figure(5.0, 4.4)
    _say(axes, recipe)
    low = 1.0
    for (label, rows), colour in reversed(list(zip(series.items(), (BLUE, ORANGE), strict=False))):
        if not rows:
            continue
        x, y = [row.trained for row in rows], [row.predicted for row in rows]
        below = [max(row.predicted - row.lower, 0.0) for row in rows]
        above = [max(row.upper - row.predicted, 0.0) for row in rows]
        axes.errorbar(x, y, yerr=[below, above], fmt="o", color=colour, elinewidth=1, alpha=0.8, label=label)
        low = min([low, *x, *(row.lower for row in rows)])
    low = max(0.0, low - 0.02)
    axes.plot([low, 1], [low, 1], "--", color=GREY, linewidth=1)
    axes.set(xlabel="trained accuracy (validation)", ylabel=f"predicted accuracy, {level:.0%} interval")
    axes.set(xlim=(low, 1.005), ylim=(low, 1.005))
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    return _svg(figure, "scatter")


def search_plot(values: Sequence[float], name: str = "predicted accuracy", recipe: str = "") -> Markup:
    """Every candidate's value in the order of proposal, and the best so far; `name` says what the values are."""
    figure, axes = _figure(5.0, 4.4)
    _say(axes, recipe)
    best: list[float] = []
    for value in values:
        best.append(max(value, best[-1] if best else value))
    steps = range(1, len(values) + 1)
    axes.plot(steps, list(values), ".", color=GREY, markersize=2.5, rasterized=True, label="candidate")
    axes.plot(steps, best, color=BLUE, linewidth=1.8, label="best so far")
    axes.set(xlabel="candidates scored", ylabel=_plain(name))
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return _svg(figure, "search")


def pareto_plot(
    cost: Sequence[float],
    value: Sequence[float],
    short_list: Sequence[tuple[float, float]],
    label: str,
    name: str = "predicted accuracy",
    recipe: str = "",
) -> Markup:
    """Values against cost (log axis), and the front of candidates that none beats in both.

    Args:
        short_list: (cost, value) of the networks that were chosen.
        label: of the cost.
        name: what the values are.
        recipe: in words, that they are by.
    """
    figure, axes = _figure(5.0, 4.4)
    _say(axes, recipe)
    axes.plot(list(cost), list(value), ".", color=GREY, markersize=2.5, label="candidate", rasterized=True)
    order = sorted(range(len(cost)), key=lambda row: (cost[row], -value[row]))
    front: list[int] = []
    for row in order:
        if not front or value[row] > value[front[-1]]:
            front.append(row)
    x, y = [cost[row] for row in front], [value[row] for row in front]
    axes.step(x, y, where="post", color=BLUE, label="Pareto front")
    axes.plot([at for at, _ in short_list], [at for _, at in short_list], "o", color=ORANGE, label="short-list")
    axes.set(xscale="log", xlabel=label, ylabel=_plain(name))
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return _svg(figure, "pareto")


def learning_curves_plot(curves: Mapping[str, Sequence[float]], recipe: str = "") -> Markup:
    """Validation accuracy by epoch of every trained short-listed network."""
    figure, axes = _figure(5.0, 4.4)
    _say(axes, recipe)
    for label, curve in curves.items():
        axes.plot(range(1, len(curve) + 1), list(curve), linewidth=1.4, label=_plain(label))
    axes.set(xlabel="epoch", ylabel="trained accuracy (validation)", ylim=(None, 1.0))
    if len(curves) <= 10:
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    return _svg(figure, "curves")
