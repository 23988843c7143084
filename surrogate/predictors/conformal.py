"""Conformal intervals, calibrated on whole datasets left out.

Rows of one dataset share the error of its mean, so they are no independent sample; datasets are. The scores of each
left-out dataset form one distribution, and the quantile is taken of their mean (pooled CDFs of Dunn, Wasserman & Ramdas
2022, "Distribution-free prediction sets for two-layer hierarchical models", arXiv 1809.07441). Their guarantee counts
one further dataset, the coming one, at infinity; with 28 datasets that made 93 of 100 out of 90, so that here it only
decides how many datasets are too few to promise anything. Scores are absolute errors divided by an estimated spread, so
that intervals are wide where errors were.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from presage.errors import InvalidArgument
from presage.surrogate.predictors.prediction import Estimate, Prediction

__all__ = ["ConformalIntervals", "pooled_quantile"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_ERROR = 0.002
"""Accuracy; errors below it count as this: finer differences are noise of the validation set."""
LEAST_SPREAD = 0.004
STRENGTH = 3.0
"""Datasets' worth of shrinkage of the spread model toward one constant spread."""


def pooled_quantile(scores: Floats, group: Ints, level: float) -> float:
    """Least t with (1/G) Σ_g F_g(t) ≥ level, for scores (n,) in G groups; infinite where G / (G + 1) < level."""
    groups, index, size = np.unique(group, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    if len(groups) / (len(groups) + 1) < level - 1e-12:
        return np.inf
    share = np.cumsum(1.0 / size[index[order]]) / len(groups)
    reached = np.flatnonzero(share >= level - 1e-12)
    return float(scores[order[reached[0]]])


@dataclass(eq=False)
class ConformalIntervals:
    """Turns an `Estimate` into a `Prediction` whose intervals hold `level` of an unseen dataset's networks.

    With fewer datasets than the level needs (9 for 90 %) nothing can be promised, and the interval is [0, 1].
    """

    level: float = 0.9

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise InvalidArgument("level", "ConformalIntervals", "be between 0 and 1", self.level)

    def fit(self, estimate: Estimate, truth: Floats, group: Ints) -> ConformalIntervals:
        """Learns from estimates (n,) made for rows whose dataset, `group` (n,), was left out, and their truth (n,)."""
        within = np.ones(len(truth), np.bool_) if estimate.beyond is None else estimate.beyond <= 0
        if 0 < np.count_nonzero(within) < len(truth):  # errors beyond experience are told apart, by `half`
            estimate, truth = Estimate(estimate.value[within], estimate.std_error[within]), truth[within]
            group = group[within]
        error = np.abs(truth - estimate.value)
        groups = np.unique(group)
        log_error = np.log(np.maximum(error, LEAST_ERROR))
        signals = _signals(estimate)
        scores = np.empty(len(truth))
        for left_out in groups:  # the spread of a dataset is scored by a spread model that has not seen it either
            out = group == left_out
            spread = _spread(signals[out], _fit_spread(signals[~out], log_error[~out], group[~out]))
            scores[out] = error[out] / spread
        self.quantile_ = pooled_quantile(scores, group, self.level)
        self.spread_ = _fit_spread(signals, log_error, group)
        return self

    def apply(self, estimate: Estimate) -> Prediction:
        """Value and interval; both ends within [0, 1]."""
        half = self.half(estimate)
        lower, upper = np.clip(estimate.value - half, 0.0, 1.0), np.clip(estimate.value + half, 0.0, 1.0)
        return Prediction(estimate.value, lower, upper, self.level, estimate.distance)

    def half(self, estimate: Estimate) -> Floats:
        """(n,) half of each interval's width before it is cut at 0 and 1, in accuracy; 1 where nothing is promised."""
        spread = _spread(_signals(estimate), self.spread_)
        with np.errstate(invalid="ignore"):
            half = np.where(np.isinf(self.quantile_), 1.0, self.quantile_ * spread)
        if estimate.beyond is None:
            return np.asarray(half)
        # what lies beyond experience could not be left out of it: errors there are taken to be normal
        return np.minimum(np.hypot(half, NormalDist().inv_cdf(0.5 + self.level / 2) * estimate.beyond), 1.0)


def _signals(estimate: Estimate) -> Floats:
    """(n, 2): logs of the standard error and of how much room the accuracy leaves."""
    room = estimate.value * (1.0 - estimate.value)
    return np.stack([np.log(np.maximum(estimate.std_error, 1e-4)), np.log(room + 0.01)], axis=1)


def _fit_spread(signals: Floats, log_error: Floats, group: Ints) -> Floats:
    """Offset and slopes (3,) of log error on signals, every dataset weighing the same; constant if there is none."""
    if not len(signals):
        return np.zeros(3)
    _, index, size = np.unique(group, return_inverse=True, return_counts=True)
    weight = 1.0 / size[index]
    total = weight.sum()
    centre, middle = weight @ signals / total, float(weight @ log_error / total)
    x = signals - centre
    slopes = np.linalg.solve((x * weight[:, None]).T @ x + STRENGTH * np.eye(2), x.T @ (weight * (log_error - middle)))
    slopes = np.clip(slopes, 0.0, 1.0)  # a larger standard error or more room never narrows an interval
    return np.concatenate([[middle - centre @ slopes], slopes])


def _spread(signals: Floats, spread: Floats) -> Floats:
    return np.asarray(np.maximum(np.exp(spread[0] + signals @ spread[1:]), LEAST_SPREAD))
