"""The plots of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from presage.surrogate.evaluation.target_only import RIVAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from presage.surrogate.evaluation.appraisal import Appraisal
    from presage.surrogate.evaluation.difficulty import DifficultyStudy
    from presage.surrogate.evaluation.few_shot_study import FewShotStudy

__all__ = ["evaluation_plots"]

BLUE, ORANGE, GREY = "#2b6cb0", "#dd6b20", "#a0aec0"
GREEN, DARK, PALE = "#2f855a", "#2d3748", "#90b4de"

OF_NORMAL = 3.29
"""Width of the 90 % interval of a normal distribution, in standard deviations."""


def evaluation_plots(found: Appraisal) -> Mapping[str, Figure]:
    """Every plot that the evaluation has the numbers for, by name."""
    plots = {
        "predicted-against-trained": _scatter(found),
        "tau-by-dataset": _tau(found),
        "intervals-by-dataset": _intervals(found),
    }
    if found.few_shot is not None and found.few_shot.counts:
        plots["few-shot"] = _few_shot(found.few_shot, found.predictor)
    if found.difficulty is not None:
        plots["dcn"] = _dcn(found.difficulty)
    for figure in plots.values():
        if found.recipe_words:
            figure.supxlabel("\n".join(wrap(found.recipe_words.replace("$", r"\$"), 90)), fontsize=8, color=DARK)
    return plots


def _figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure  # not pyplot: no global state, no display

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = [figure.add_subplot(1, columns, column + 1) for column in range(columns)]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.tick_params(labelsize=8.5)
    return figure, axes


def _scatter(found: Appraisal) -> Figure:
    """All networks of all left-out datasets; a colour is a dataset's DCN."""
    figure, (axes,) = _figure(6.2, 5.2)
    marks = None
    for outcome in found.outcomes:
        said = outcome.predictions[found.predictor]
        colour = np.full(len(outcome.truth), outcome.task.dcn)
        marks = axes.scatter(outcome.truth, said.value, c=colour, cmap="viridis", vmin=0, vmax=1, s=7, alpha=0.6, lw=0)
    axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1)
    axes.set(xlabel="trained accuracy (validation)", ylabel=f"predicted accuracy, {found.predictor}")
    axes.set(xlim=(0, 1.01), ylim=(0, 1.01))
    if marks is not None:
        figure.colorbar(marks, ax=axes, label="DCN of the left-out dataset", shrink=0.8)
    mean = found.table.mean(found.predictor)
    networks = sum(len(outcome.truth) for outcome in found.outcomes)
    axes.set_title(
        f"{networks:,} networks of {len(found.outcomes)} datasets {found.table.how.removeprefix('each ')}\n"
        f"mean Kendall τ {mean['kendall_tau']:.3f}, mean squared error {mean['mse']:.4f}",
        fontsize=9.5,
    )
    return figure


def _rows(found: Appraisal) -> tuple[Figure, Axes, list[str]]:
    names = [score.dataset for score in found.table.of(found.predictor)]
    figure, (axes,) = _figure(6.6, 0.9 + 0.22 * len(names))
    axes.set_yticks(range(len(names)), [name.replace("$", r"\$") for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", color="#e2e8f0", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes, names


def _tau(found: Appraisal) -> Figure:
    """Kendall τ beside the two-seed τ and the best baseline's."""
    figure, axes, _ = _rows(found)
    scores = found.table.of(found.predictor)
    at = np.arange(len(scores))
    two_seed = [np.nan if score.two_seed_tau is None else score.two_seed_tau for score in scores]
    axes.barh(at, [score.kendall_tau for score in scores], color=PALE, height=0.62, label=found.predictor)
    simple = [name for name in ("cost-only", "tapas-3-dcn-filter") if name in found.table.predictors]
    for name, mark in zip(simple, "|x", strict=False):
        values = [score.kendall_tau for score in found.table.of(name)]
        axes.plot(values, at, mark, color=DARK, markersize=6, linestyle="none", label=name)
    axes.plot(two_seed, at, "o", color=ORANGE, markersize=5, linestyle="none", label="two-seed τ (few networks: rough)")
    axes.set(xlabel="Kendall τ, predicted against trained; nothing of the dataset was trained")
    axes.set_xlim(min(0.0, axes.get_xlim()[0]), 1.03)
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def _intervals(found: Appraisal) -> Figure:
    """Share of trained accuracies within their intervals, and the mean width of those."""
    from matplotlib.figure import Figure

    scores = found.table.of(found.predictor)
    names, at = [score.dataset for score in scores], np.arange(len(scores))
    level = found.outcomes[0].predictions[found.predictor].level
    figure = Figure(figsize=(8.2, 0.9 + 0.22 * len(names)), layout="constrained")
    left = figure.add_subplot(1, 2, 1)
    right = figure.add_subplot(1, 2, 2, sharey=left)
    left.barh(at, [score.coverage or 0.0 for score in scores], color=PALE, height=0.62)
    left.axvline(level, color=ORANGE, linewidth=1.4)
    left.set(xlim=(0, 1.0), xlabel=f"share within the {level:.0%} interval")
    right.barh(at, [score.width or 0.0 for score in scores], color=GREY, height=0.62, label="mean width")
    errors = [OF_NORMAL * np.sqrt(score.mse or 0.0) for score in scores]
    right.plot(
        errors,
        at,
        "o",
        color=DARK,
        markersize=4,
        linestyle="none",
        label="3.29 RMSE: 90 % of normal errors",
    )
    right.set(xlabel="accuracy")
    right.legend(frameon=False, fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    left.set_yticks(at, [name.replace("$", r"\$") for name in names])
    left.set_ylim(len(names) - 0.4, -0.6)
    right.tick_params(labelleft=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8.5)
    return figure


def _few_shot(study: FewShotStudy, predictor: str) -> Figure:
    """τ and squared error against the number of trained networks of the target, with the rival."""
    figure, panels = _figure(9.2, 3.9, columns=2)
    styles = {RIVAL: (ORANGE, "s", "trained on these k alone"), predictor: (BLUE, "o", f"{predictor}, given k")}
    for axes, (metric, label) in zip(
        panels, (("kendall_tau", "Kendall τ"), ("mse", "mean squared error")), strict=True
    ):
        for method, (colour, mark, name) in styles.items():
            points = [(k, study.mean(method, k, metric)) for k in (0, *study.counts)]
            known = [(_place(k), value) for k, value in points if value is not None]
            axes.plot([x for x, _ in known], [y for _, y in known], f"-{mark}", color=colour, markersize=5, label=name)
        free = study.mean(predictor, 0, metric)
        if free is not None:
            axes.axhline(free, color=BLUE, linewidth=1, linestyle=":")
        axes.set_xticks([_place(k) for k in (0, *study.counts)], [str(k) for k in (0, *study.counts)])
        axes.set(xlabel="k, trained networks of the left-out dataset", ylabel=label)
        axes.set_ylim(0, None)
    panels[0].legend(frameon=False, fontsize=9, loc="lower right")
    return figure


def _place(k: int) -> float:
    """Where a number of networks stands: a logarithm that has a place for 0."""
    return float(np.log2(1 + k / 2.5))


def _dcn(study: DifficultyStudy) -> Figure:
    """DCN against mean trained accuracy; the bar is the range over seeds of the probe."""
    figure, (axes,) = _figure(6.2, 5.2)
    for one in study.datasets:
        axes.plot([min(one.seed_dcns), max(one.seed_dcns)], [one.mean_accuracy] * 2, color=GREY, linewidth=1.2)
    x, y = [one.dcn for one in study.datasets], [one.mean_accuracy for one in study.datasets]
    axes.plot(x, y, "o", color=BLUE, markersize=5, linestyle="none", label="all networks")
    core = [(one.dcn, one.core_mean_accuracy) for one in study.datasets if one.core_mean_accuracy is not None]
    if core:
        axes.plot([dcn for dcn, _ in core], [mean for _, mean in core], "x", color=GREEN, markersize=5,
                  linestyle="none", label="networks trained on every dataset")  # fmt: skip
    axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1)
    axes.set(xlabel="DCN (bar: range over the probe's seeds)", ylabel="mean trained accuracy (validation)")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    rho = study.rank_correlation()
    axes.set_title("" if rho is None else f"{len(study.datasets)} datasets, Spearman {rho:.3f}", fontsize=9.5)
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    return figure
