"""What an evaluation must show: each measure with its interval, beside what is the least and what is the goal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from presage.surrogate.evaluation.bootstrap import SHARE, interval
from presage.surrogate.evaluation.core_networks import BLIND
from presage.surrogate.evaluation.difficulty import DifficultyStudy
from presage.surrogate.evaluation.few_shot_study import FewShotStudy, count_text
from presage.surrogate.evaluation.scores import EvaluationTable
from presage.surrogate.evaluation.tables import Table

__all__ = ["Goal", "goals", "goals_table"]

Statistic = Callable[[Sequence[int]], float | None]


@dataclass(frozen=True)
class Goal:
    """One measure against what it should reach.

    Attributes:
        measure: in words.
        value: None where it could not be measured.
        low, high: bootstrap interval over datasets; None where there is none.
        least, goal: what the value should reach, and exceed where that is 0; the goal may be None.
        most: what it must not exceed; None for nothing.
        rising: whether more is better.
        text: the value for people.
    """

    measure: str
    value: float | None
    low: float | None
    high: float | None
    least: float
    goal: float | None
    rising: bool
    text: str
    most: float | None = None

    @property
    def met(self) -> str:
        """`goal`, `least`, `missed`, or `unknown`."""
        if self.value is None:
            return "unknown"
        if self.most is not None and self.value > self.most:
            return "missed"
        for name, wanted in (("goal", self.goal), ("least", self.least)):
            if wanted == 0 and self.value == 0:
                continue
            if wanted is not None and (self.value >= wanted if self.rising else self.value <= wanted):
                return name
        return "missed"

    def to_json(self) -> dict[str, Any]:
        """Every field and whether it is met; an infinity is null."""
        fields = {**asdict(self), "met": self.met}
        return {name: None if isinstance(v, float) and math.isinf(v) else v for name, v in fields.items()}


def goals(
    predictor: str,
    table: EvaluationTable,
    baselines: Sequence[str],
    core: EvaluationTable | None,
    few_shot: FewShotStudy | None,
    difficulty: DifficultyStudy | None,
) -> list[Goal]:
    """The measures of one predictor that the evaluation could take.

    Args:
        predictor: the one that matters.
        table: scores on all networks of the left-out datasets.
        baselines: of the table's predictors, those that must be beaten.
        core: scores on the core networks, the dataset-blind ranking among them.
        few_shot: with the rival's curve.
        difficulty: of the DCN.
    """
    scores = table.of(predictor)
    n = len(scores)

    def mean(metric: str, table: EvaluationTable = table, name: str = predictor) -> Statistic:
        values = [getattr(score, metric) for score in table.of(name)]
        return lambda rows: _mean([values[row] for row in rows])

    tau, two_seed = mean("kendall_tau"), mean("two_seed_tau")

    def share(rows: Sequence[int]) -> float | None:
        reachable, reached = two_seed(rows), tau(rows)
        return reached / reachable if reachable and reached is not None else None

    found = [_goal("Kendall τ ÷ two-seed τ", share, n, 0.8, 1.0)]
    if baselines:
        best = max(baselines, key=lambda name: table.mean(name)["kendall_tau"] or 0.0)
        found.append(_above(f"Kendall τ above the best baseline, {best}", tau, mean("kendall_tau", name=best), n))
    if core is not None:
        own, blind = mean("kendall_tau", core), mean("kendall_tau", core, BLIND)
        found.append(
            _above("Kendall τ above the dataset-blind ranking, core networks", own, blind, len(core.of(BLIND)))
        )
    found.append(_goal("MSE of accuracy", mean("mse"), n, 0.006, 0.001, rising=False, digits=4))
    regret = mean("regret_5")
    found.append(
        _goal("regret of the best of the top 5, points", lambda rows: _times(regret(rows), 100), n, 1.5, 0.5,
              rising=False, digits=2)
    )  # fmt: skip
    if few_shot is not None and few_shot.counts:
        counts, gaps = few_shot.counts, few_shot.gaps(predictor)
        rival = _goal(
            "rival it equals: train k on the target, k",
            lambda rows: few_shot.equals(gaps, rows),
            len(few_shot.outcomes),
            10,
            50,
            text=lambda value: count_text(value, counts),
        )
        # beyond the last k there is nothing to compare with: at least that many is all that was seen
        found.append(replace(rival, value=None if rival.value is None else min(rival.value, counts[-1])))
    if difficulty is not None:
        found.append(
            _goal("Spearman of DCN with mean accuracy", lambda rows: difficulty.rank_correlation(rows=rows),
                  len(difficulty.datasets), 0.9, 0.97)
        )  # fmt: skip
    if table.mean(predictor)["coverage"] is not None:
        found.append(_goal("coverage of the 90 % intervals", mean("coverage"), n, 0.87, None, most=0.93))
    return found


def goals_table(predictor: str, found: Sequence[Goal]) -> Table:
    """The goals as a table."""
    verdicts = {"goal": "goal met", "least": "met", "missed": "missed", "unknown": "not measured"}
    rows = []
    for goal in found:
        sign = "≥" if goal.rising else "≤"
        least, wanted = f"{sign} {goal.least:g}", "" if goal.goal is None else f"{goal.goal:g}"
        if goal.least == 0:
            least = "> 0"
        elif goal.most is not None:
            least = f"{goal.least:g} to {goal.most:g}"
        rows.append((goal.measure, goal.text, least, wanted, verdicts[goal.met]))
    return Table(
        "goals",
        f"What it must show: `{predictor}`, with {SHARE:.0%} bootstrap intervals over datasets",
        ("measure", "value", "at least", "goal", "met?"),
        tuple(rows),
    )


def _goal(
    measure: str,
    statistic: Statistic,
    datasets: int,
    least: float,
    goal: float | None,
    *,
    rising: bool = True,
    digits: int = 3,
    most: float | None = None,
    text: Callable[[float | None], str] | None = None,
) -> Goal:
    value = statistic(range(datasets))
    bounds = interval(statistic, datasets)
    written = text or (lambda number: "" if number is None else f"{number:.{digits}f}")
    shown = written(value) + (f" [{written(bounds[0])}, {written(bounds[1])}]" if bounds else "")
    low, high = bounds or (None, None)
    return Goal(measure, value, low, high, least, goal, rising, shown, most)


def _above(measure: str, own: Statistic, other: Statistic, datasets: int) -> Goal:
    """By how much one mean is above another on the same datasets; anything above 0 will do."""

    def difference(rows: Sequence[int]) -> float | None:
        left, right = own(rows), other(rows)
        return None if left is None or right is None else left - right

    return _goal(measure, difference, datasets, 0.0, None)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
