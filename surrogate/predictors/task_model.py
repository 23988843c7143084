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
from presage.surrogate.predictors.state import State

__all__ = ["LADDER_FEATURES", "MEAN_FEATURES", "SPREAD_FEATURES", "LadderedModel", "TaskModel"]

Floats = NDArray[np.float64]

MEAN_FEATURES = ("dcn", "room", "first_gain", "mean_gain", "linear_gain")
SPREAD_FEATURES = ("room", "first_gain", "fifth_gain", "grey")
LADDER_FEATURES = ("longer_gain", "smaller_loss")
"""Beside either, where the probe ladder was climbed."""
LEAST_LADDERS = 12
"""Tasks with one from which on something is learned of ladders."""
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


@dataclass(eq=False)
class LadderedModel:
    """Two `TaskModel`s: one reads the ladder too, and answers for tasks that have one; for others nothing changes.

    Args:
        names, prior_slope: as of `TaskModel`.
    """

    names: tuple[str, ...] = MEAN_FEATURES
    prior_slope: float = 0.0

    def fit(self, tasks: Sequence[Task], target: Floats, weight: Floats) -> LadderedModel:
        """As `TaskModel.fit`."""
        self.plain_ = TaskModel(self.names, self.prior_slope).fit(tasks, target, weight)
        told = np.flatnonzero([_has_ladder(task) for task in tasks])
        self.told_: TaskModel | None = None
        if len(told) >= LEAST_LADDERS:
            model = TaskModel((*self.names, *LADDER_FEATURES), self.prior_slope)
            self.told_ = model.fit([tasks[at] for at in told.tolist()], target[told], weight[told])
        return self

    def predict(self, task: Task) -> tuple[float, float]:
        """As `TaskModel.predict`."""
        model = self.told_ if self.told_ is not None and _has_ladder(task) else self.plain_
        return model.predict(task)

    def store(self, state: State, name: str) -> None:
        """Puts everything learned into `state`."""
        state.put(name, self.plain_)
        if self.told_ is not None:
            state.put(f"{name}-ladder", self.told_)

    @classmethod
    def restored(cls, state: State, name: str) -> LadderedModel:
        """The reverse of `store`."""
        made = cls()
        made.plain_ = state.get(name, TaskModel)
        told = any(key.startswith(f"{name}-ladder.") for key in state.arrays)
        made.told_ = state.get(f"{name}-ladder", TaskModel) if told else None
        return made


def _has_ladder(task: Task) -> bool:
    return bool(np.isfinite(meta_features([task], LADDER_FEATURES)).all())
