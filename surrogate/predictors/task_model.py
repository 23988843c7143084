"""A number per task (the mean of its networks' accuracies, how far they spread) predicted from its probe.

There are only tens of datasets to learn from, so this is a Gaussian process on a handful of meta-features with a strong
prior on its own hyper-parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.meta_features import centre_and_scale, meta_features, standardised
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.gp import (
    most_probable,
    negative_log_likelihood,
    squared_differences,
    squared_exponential,
    with_noise,
)

__all__ = ["MEAN_FEATURES", "SPREAD_FEATURES", "TaskModel"]

Floats = NDArray[np.float64]

MEAN_FEATURES = ("dcn", "room", "first_gain", "mean_gain", "linear_gain")
SPREAD_FEATURES = ("room", "first_gain", "fifth_gain", "grey")
RECIPE_FEATURES = ("train_images", "epochs", "image_side")
"""Enter linearly only: what the recipe makes of a dataset; where all experience has one recipe they say nothing."""

AMPLITUDE, SLOPE, NOISE, REACH = 0.3, 0.15, 0.15, 1.5
"""What hyper-parameters are before data speak, in logits: size of the smooth part; of the linear part per deviation of
a meta-feature; of what those do not tell; the length scale, in deviations, for two of them (√(q/2) times it for q)."""
CONFIDENCE = 1.0
"""How firmly: hyper-parameters are log-normal around these, each log variance with this precision."""
OFFSET = 3.0
"""Prior deviation of the constant, in logits: as good as free."""


@dataclass(eq=False)
class TaskModel:
    """Gaussian process regression of a number per task: constant, linear and smooth part (Rasmussen & Williams 2006).

    The kernel is OFFSET² + slope²·x·x' + amplitude²·exp(−½‖x − x'‖²/reach²) over standardised meta-features x; its
    hyper-parameters maximise the marginal likelihood times their prior.

    Args:
        names: of `presage.surrogate.data.meta_features.META_FEATURES`, those that the smooth part reads.
        prior_slope: what one unit of logit DCN is worth before any data speak (1 for the logit of mean accuracy).
    """

    names: tuple[str, ...] = MEAN_FEATURES
    prior_slope: float = 0.0

    def fit(self, tasks: Sequence[Task], target: Floats, weight: Floats) -> TaskModel:
        """Learns from `target` (d,), in logits, whose noise variances are as 1 / `weight` (d,)."""
        raw = meta_features(tasks, (*self.names, *RECIPE_FEATURES))
        self.centre_, self.scale_ = centre_and_scale(raw)
        self.x_ = standardised(raw, self.centre_, self.scale_)
        self.weight_ = weight / weight.mean()
        rest = target - self.prior_slope * meta_features(tasks, ("dcn",))[:, 0]
        self.offset_ = float(np.average(rest, weights=weight))
        rest = rest - self.offset_
        reach = REACH * np.sqrt(len(self.names) / 2)
        prior = 2.0 * np.log([AMPLITUDE, SLOPE, NOISE, reach])

        def cost(logs: Floats) -> float:
            """Negative log of likelihood times prior."""
            strays = CONFIDENCE / 2 * ((logs - prior) ** 2).sum()
            return negative_log_likelihood(self._noisy(logs), rest) + float(strays)

        self.logs_ = most_probable(cost, prior, 20)
        self.inverse_ = np.linalg.inv(self._noisy(self.logs_))
        self.dual_ = self.inverse_ @ rest
        return self

    def predict(self, task: Task) -> tuple[float, float]:
        """The number and its standard error for a task, in logits."""
        x = standardised(meta_features([task], (*self.names, *RECIPE_FEATURES)), self.centre_, self.scale_)
        cross = self._kernel(self.logs_, x, self.x_)[0]
        value = self.offset_ + cross @ self.dual_ + self.prior_slope * meta_features([task], ("dcn",))[0, 0]
        own = self._kernel(self.logs_, x, x)[0, 0] + np.exp(self.logs_[2])
        return float(value), float(np.sqrt(max(own - cross @ self.inverse_ @ cross, 1e-6)))

    def _noisy(self, logs: Floats) -> Floats:
        return with_noise(self._kernel(logs, self.x_, self.x_), np.exp(logs[2]) / self.weight_)

    def _kernel(self, logs: Floats, left: Floats, right: Floats) -> Floats:
        """(d, m) prior covariances of tasks with standardised meta-features (d, q) and (m, q)."""
        amplitude, slope, _, reach = np.exp(logs)
        smooth = len(self.names)
        near = squared_exponential(squared_differences(left[:, :smooth], right[:, :smooth]), reach)
        return np.asarray(OFFSET**2 + slope * left @ right.T + amplitude * near)
