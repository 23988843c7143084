"""Final accuracies extrapolated from learning curves: error, rank and intervals on datasets left out whole.

    python benchmarks/curves.py [--database FILE] [--folds 10]

Every finished training of the database (by default the shipped experience) is looked at after a quarter and half of its
epochs. Each fold's datasets are extrapolated by what was learned from all others: by boosted trees, which presage has
(`presage.surrogate.curves`), also when 1 and 3 other trainings of the task are known to the end; by two Gaussian
processes, one over the same features (1,500 trainings, drawn), one over time, whose mean and covariance are those of
the curves learned from (two curves of equal length are points of one normal distribution); by a power law fitted to
each curve alone; and by the last and the best value so far.

Printed are the root mean squared and the median error; of tasks (a dataset and a recipe) with ten trainings or more the
mean Kendall τ and the regret of the one that looks best then; and, of 90 % intervals, share held and mean width.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from presage.database import Database
from presage.output import table
from presage.surrogate.curves.extrapolator import CurveExtrapolator, after
from presage.surrogate.curves.features import features, last_logit
from presage.surrogate.curves.learning_curves import LearningCurves
from presage.surrogate.curves.loading import load_trainings
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.metrics import kendall_tau, regret_at_k
from presage.surrogate.predictors.gp import GaussianProcess

Floats = NDArray[np.float64]
Told = tuple[Floats, Floats | None, Floats | None]
"""Extrapolated accuracies (n,), and the ends of their intervals where there are any."""

SHARES = (0.25, 0.5)
LEAST = 10
"""Trainings that a task must have for ranks."""
POINTS = 1500
GRID = 12
"""Equal steps of a training that the Gaussian process over time sees."""
Z = 1.6449
POWERS = np.geomspace(0.1, 3.0, 25)


def last_value(learned: LearningCurves, asked: LearningCurves, share: float) -> Told:
    """As if nothing changed any more."""
    return from_logit(last_logit(asked)), None, None


def best_value(learned: LearningCurves, asked: LearningCurves, share: float) -> Told:
    """The best epoch so far."""
    return np.nanmax(asked.accuracy, axis=1), None, None


def power_law(learned: LearningCurves, asked: LearningCurves, share: float) -> Told:
    """a − b·t^−c to the epochs so far by least squares, c from a grid, a within the last value and 1."""
    found = np.empty(len(asked))
    for row, (curve, done, epochs) in enumerate(zip(asked.accuracy, asked.done, asked.epochs, strict=True)):
        y, t = curve[:done], np.arange(1, done + 1)
        if done < 3:
            found[row] = y[-1]
            continue
        x = t[None, :] ** -POWERS[:, None]  # (25, t)
        xm, ym = x.mean(axis=1, keepdims=True), y.mean()
        slope = ((x - xm) * (y - ym)).sum(axis=1) / ((x - xm) ** 2).sum(axis=1)
        rest = y[None, :] - ym - slope[:, None] * (x - xm)
        best = int((rest**2).sum(axis=1).argmin())
        end = ym + slope[best] * (epochs ** -POWERS[best] - xm[best, 0])
        found[row] = np.clip(end, y[-1], 1.0)
    return found, None, None


def process_over_features(learned: LearningCurves, asked: LearningCurves, share: float) -> Told:
    """A Gaussian process with a Matérn kernel over what the trees read."""
    rows = np.random.default_rng(0).permutation(len(learned))[:POINTS]
    some = learned.take(rows)
    seen = some.until(after(some.epochs, share))
    x, middle = features(seen), np.nanmedian(features(seen), axis=0)
    process = GaussianProcess().fit(_filled(x, middle), to_logit(some.final) - last_logit(seen))
    mean, deviation = process.predict(_filled(features(asked), middle))
    return _normal(last_logit(asked) + mean, np.hypot(deviation, np.sqrt(process.noise_ * process.variance_)))


def process_over_time(learned: LearningCurves, asked: LearningCurves, share: float) -> Told:
    """A Gaussian process over time with the mean and covariance of the curves learned from; closed form."""
    curves, known = _on_grid(learned), round(share * GRID)
    mean, covariance = curves.mean(axis=0), np.cov(curves.T) + 1e-3 * np.eye(GRID)
    weights = np.linalg.solve(covariance[:known, :known], covariance[:known, -1])
    deviation = np.sqrt(covariance[-1, -1] - covariance[-1, :known] @ weights)
    centre = mean[-1] + (_on_grid(asked, known) - mean[:known]) @ weights
    return _normal(centre, np.full(len(centre), deviation))


METHODS: dict[str, Callable[[LearningCurves, LearningCurves, float], Told]] = {
    "last value": last_value,
    "best value": best_value,
    "power law": power_law,
    "Gaussian process over features": process_over_features,
    "Gaussian process over time": process_over_time,
}
TREES = {"boosted trees": 0, "boosted trees, 1 of the task known": 1, "boosted trees, 3 of the task known": 3}


@dataclass
class Found:
    """What a method told of all trainings, each when its dataset was left out; `counted` where it was asked."""

    value: Floats
    lower: Floats
    upper: Floats
    counted: NDArray[np.bool_]
    seconds: float = 0.0
    parts: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, count: int) -> Found:
        return cls(*(np.full(count, np.nan) for _ in range(3)), np.zeros(count, np.bool_))

    def put(self, rows: NDArray[np.int64], told: Told) -> None:
        self.value[rows], self.counted[rows] = told[0], True
        if told[1] is not None and told[2] is not None:
            self.lower[rows], self.upper[rows] = told[1], told[2]


def left_out(trainings: LearningCurves, folds: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(learned from, asked about) of each fold; whole datasets."""
    groups, group = np.unique(trainings.group, return_inverse=True)
    fold = np.random.default_rng(1).permutation(len(groups))[group] % folds
    for part in range(folds):
        yield np.flatnonzero(fold != part), np.flatnonzero(fold == part)


def scored(name: str, found: Found, trainings: LearningCurves) -> tuple[str, ...]:
    """A row of the table."""
    rows = np.flatnonzero(found.counted)
    truth, value, task = trainings.final[rows], found.value[rows], trainings.task[rows]
    error = value - truth
    ranks, regrets = [], []
    for one in np.unique(task):
        of = task == one
        if of.sum() >= LEAST:
            ranks.append(kendall_tau(truth[of], value[of]))
            regrets.append(regret_at_k(truth[of], value[of], 1))
    lower, upper = found.lower[rows], found.upper[rows]
    held, wide = np.mean((lower <= truth) & (truth <= upper)), np.mean(upper - lower)
    told = np.isfinite(lower).all()
    return (
        name, f"{np.sqrt(np.mean(error**2)):.4f}", f"{np.median(np.abs(error)):.4f}", f"{np.mean(ranks):.3f}",
        f"{np.mean(regrets):.4f}", f"{held:.3f}" if told else "", f"{wide:.3f}" if told else "",
        f"{found.seconds:.1f}",
    )  # fmt: skip


def with_some_known(
    model: CurveExtrapolator, asked: LearningCurves, now: LearningCurves, known: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], Told]]:
    """(rows, what is told of them) of each task with more trainings than are known; those known are not asked about."""
    for one in np.unique(asked.task):
        rows = rng.permutation(np.flatnonzero(asked.task == one))
        if len(rows) >= LEAST:
            told = model.conditioned(asked.take(rows[:known])).predict(now.take(rows[known:]))
            yield rows[known:], (told.value, told.lower, told.upper)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", type=Path, help="the shipped experience unless given")
    parser.add_argument("--folds", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = options.database or Path(scratch) / "shipped.duckdb"
        with Database.open(path, from_seed=options.database is None) as database:
            trainings = load_trainings(database)
    trainings = trainings.take(np.flatnonzero(trainings.epochs >= 4))
    print(f"{len(trainings):,} trainings of {len(set(trainings.task))} tasks on {len(set(trainings.group))} datasets.")
    found = {share: {name: Found.of(len(trainings)) for name in (*METHODS, *TREES)} for share in SHARES}
    for learned_rows, rows in left_out(trainings, options.folds):
        learned, asked = trainings.take(learned_rows), trainings.take(rows)
        began = time.process_time()
        model = CurveExtrapolator().fit(learned)
        spent = time.process_time() - began
        for share in SHARES:
            now = asked.until(after(asked.epochs, share))
            for name, method in METHODS.items():
                began = time.process_time()
                found[share][name].put(rows, method(learned, now, share))
                found[share][name].seconds += time.process_time() - began
            told = model.predict(now)
            found[share]["boosted trees"].put(rows, (told.value, told.lower, told.upper))
            found[share]["boosted trees"].seconds += spent
            for name, known in list(TREES.items())[1:]:
                for of, part in with_some_known(model, asked, now, known, np.random.default_rng(known)):
                    found[share][name].put(rows[of], part)
    columns = ("after {}", "RMSE", "median error", "τ", "regret", "held", "width", "CPU seconds")
    for share in SHARES:
        words = "a quarter" if share == 0.25 else "half"
        header = tuple(column.format(words) for column in columns)
        print(f"\n{table(header, [scored(name, one, trainings) for name, one in found[share].items()])}")


def _normal(centre: Floats, deviation: Floats) -> Told:
    return from_logit(centre), from_logit(centre - Z * deviation), from_logit(centre + Z * deviation)


def _filled(x: NDArray[np.float32], middle: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isnan(x), np.nan_to_num(middle), x)


def _on_grid(trainings: LearningCurves, known: int = GRID) -> Floats:
    """(n, known) logits at equal steps of the training, between epochs in a straight line."""
    at = np.arange(1, known + 1) / GRID
    rows = zip(to_logit(trainings.accuracy), trainings.done, trainings.epochs, strict=True)
    return np.stack([np.interp(at * epochs, np.arange(1, done + 1), curve[:done]) for curve, done, epochs in rows])


if __name__ == "__main__":
    main()
