"""The plots of `strategies.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

COLOURS = {
    "bayes": "#c05621",
    "darts": "#b7791f",
    "evolution": "#2b6cb0",
    "local": "#6b46c1",
    "nsgaii": "#2c7a7b",
    "nsgaii, population 10": "#81c7c8",
    "progressive": "#2f855a",
    "random": "#2d3748",
    "reinforce": "#d53f8c",
    "tpe": "#8a6d3b",
}
"""Strategies that join the registry later get what is left."""
OTHERS = ("#e53e3e", "#319795", "#805ad5", "#718096")


def best_so_far_plot(curves: dict[str, NDArray[np.float64]], best: float, title: str, path: Path) -> None:
    """What is missing to the best network against queries: median and quartiles over runs (runs, queries)."""
    figure, axes = _figure()
    missing = {strategy: best - curve for strategy, curve in curves.items()}
    floor = 0.005  # half of the last digit of the tables
    for strategy, curve in sorted(missing.items(), key=lambda one: np.median(one[1], axis=0).mean()):
        low, middle, high = np.maximum(np.percentile(curve, [25, 50, 75], axis=0), floor)
        _draw(axes, strategy, list(missing), low, middle, high)
    axes.set_yscale("log")
    axes.set_ylim(floor, 20)
    axes.set_yticks([floor, 0.1, 1, 10], ["found", "0.1", "1", "10"])
    axes.set_ylabel("points of accuracy missing to the best network")
    _finish(figure, axes, title, path)


def hypervolume_plot(shares: dict[str, NDArray[np.float64]], title: str, path: Path) -> None:
    """Share of the true front's hypervolume against queries: median and quartiles over runs (runs, queries)."""
    figure, axes = _figure()
    for strategy, share in sorted(shares.items(), key=lambda one: -one[1][:, -1].mean()):
        _draw(axes, strategy, list(shares), *np.percentile(share, [25, 50, 75], axis=0))
    axes.set_ylim(0.4, 1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_ylabel("hypervolume, share of the true front's")
    _finish(figure, axes, title, path)


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.4, 4.6), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e2e8f0", linewidth=0.8)
    axes.tick_params(labelsize=9)
    return figure, axes


def _draw(
    axes: Axes,
    strategy: str,
    known: list[str],
    low: NDArray[np.float64],
    middle: NDArray[np.float64],
    high: NDArray[np.float64],
) -> None:
    others = [one for one in known if one not in COLOURS]
    colour = COLOURS[strategy] if strategy in COLOURS else OTHERS[others.index(strategy) % len(OTHERS)]
    baseline = strategy == "random"
    queries = np.arange(1, len(middle) + 1)
    axes.fill_between(queries, low, high, color=colour, alpha=0.1, linewidth=0)
    style = "--" if baseline else "-"
    axes.plot(queries, middle, style, color=colour, linewidth=2.2 if baseline else 1.7, label=strategy)


def _finish(figure: Figure, axes: Axes, title: str, path: Path) -> None:
    axes.set_xlabel("networks asked for")
    axes.set_xlim(1, None)
    axes.set_title(f"{title}: median and quartiles", fontsize=10.5, loc="left")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)
    figure.savefig(path, dpi=110, metadata={"Software": None})
