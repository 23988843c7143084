"""Accuracy split in two: a task's level and spread (a few tens of examples) and a network's place within its task
(thousands of examples). Predictors learn the second and put the two together again.

With z the logit of an accuracy: z = level(task) + spread(task) · place(network, task).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.experience import Experience
from presage.surrogate.data.task import Task
from presage.surrogate.data.transform import from_logit, slope, to_logit
from presage.surrogate.metrics import average_ranks
from presage.surrogate.predictors.prediction import Estimate
from presage.surrogate.predictors.state import State
from presage.surrogate.predictors.task_mean import LEVEL_TRAITS, SPREAD_TRAITS, LevelModel

__all__ = ["RelativeScale", "TaskScale"]

Floats = NDArray[np.float64]

ENOUGH = 20
"""Rows from which on a task's own mean and deviation are taken as they are."""
LEAST_SPREAD = 0.05
"""Logits; keeps a task whose networks all score alike from turning noise into places."""


@dataclass(frozen=True)
class TaskScale:
    """Where a task's accuracies lie, in logits: level, spread, and the standard error of the level."""

    level: float
    spread: float
    error: float


@dataclass(eq=False)
class RelativeScale:
    """Levels and spreads of known tasks, and a model of both for unknown ones."""

    known: dict[str, TaskScale] = field(default_factory=dict)

    def fit(self, experience: Experience) -> RelativeScale:
        """Learns level and spread from tasks with enough rows; tasks with few are placed by `refine`."""
        z = to_logit(experience.accuracy)
        rows = [rows for _, rows in experience.rows_by_task()]
        counts = np.array([len(some) for some in rows])
        large = np.flatnonzero(counts >= min(ENOUGH, counts.max()))
        tasks = [experience.tasks[index] for index in large]
        levels = np.array([z[rows[index]].mean() for index in large])
        spreads = np.array([max(float(z[rows[index]].std()), LEAST_SPREAD) for index in large])
        weight = counts[large] / (counts[large] + ENOUGH)
        self.level_model_ = LevelModel(LEVEL_TRAITS, prior_slope=1.0).fit(tasks, levels, weight)
        self.spread_model_ = LevelModel(SPREAD_TRAITS).fit(tasks, np.log(spreads), weight)
        self.known = {
            key(task): TaskScale(float(level), float(spread), float(spread / np.sqrt(len(rows[index]))))
            for task, level, spread, index in zip(tasks, levels, spreads, large, strict=True)
        }
        return self

    def refine(self, experience: Experience, place: Floats) -> None:
        """Gives each task with few rows the level that its rows and its probe, together, make likeliest.

        A few networks trained on a task are rarely random ones (a short-list is the best of thousands), so their own
        mean is no level: each is compared with what its predicted place (n,) would have scored.
        """
        z = to_logit(experience.accuracy)
        for task, rows in experience.rows_by_task():
            if key(task) in self.known:
                continue
            prior = self.of(task)
            residual = z[rows] - prior.level - prior.spread * place[rows]
            noise = (0.5 * prior.spread) ** 2
            precision = 1.0 / prior.error**2 + len(rows) / noise
            shift = residual.sum() / noise / precision
            self.known[key(task)] = TaskScale(prior.level + float(shift), prior.spread, float(precision**-0.5))

    def knows(self, task: Task) -> bool:
        """Whether the task's level comes from rows of its own."""
        return key(task) in self.known

    def of(self, task: Task) -> TaskScale:
        """The task's scale: from its own rows where there are any, else from its probe."""
        if key(task) in self.known:
            return self.known[key(task)]
        level, error = self.level_model_.predict(task)
        return TaskScale(level, float(np.exp(self.spread_model_.predict(task)[0])), error)

    def places(self, experience: Experience) -> Floats:
        """(n,) the place of each row within its task: what remains of z after level and spread."""
        scales = [self.of(task) for task in experience.tasks]
        level = np.array([scale.level for scale in scales])[experience.task_index]
        spread = np.array([scale.spread for scale in scales])[experience.task_index]
        return np.asarray((to_logit(experience.accuracy) - level) / spread)

    def targets(self, experience: Experience) -> Floats:
        """(n,) what to learn: the mean of each row's place and of the normal score of its rank within its task.

        A place says how much better a network is, a rank only that it is; the mean bends outliers in. Tasks with few
        rows have no ranks worth the name and keep their places.
        """
        targets = self.places(experience)
        for _, rows in experience.rows_by_task():
            if len(rows) >= ENOUGH:
                share = (average_ranks(experience.accuracy[rows]) - 0.5) / len(rows)
                normal = np.array([NormalDist().inv_cdf(value) for value in share])
                targets[rows] = 0.5 * (targets[rows] + normal)
        return targets

    def store(self, state: State) -> None:
        """Puts everything learned into `state`."""
        state.put("level", self.level_model_)
        state.put("spread", self.spread_model_)
        state.words["known"] = list(self.known)
        state.arrays["known"] = np.array(
            [[scale.level, scale.spread, scale.error] for scale in self.known.values()]
        ).reshape(-1, 3)

    @classmethod
    def restored(cls, state: State) -> RelativeScale:
        """The reverse of `store`."""
        rows = state.arrays["known"].tolist()
        made = cls({name: TaskScale(*row) for name, row in zip(state.words["known"], rows, strict=True)})
        made.level_model_ = state.get("level", LevelModel)
        made.spread_model_ = state.get("spread", LevelModel)
        return made

    def estimate(self, task: Task, place: Floats, place_error: Floats | float) -> Estimate:
        """Accuracies of networks at predicted places (n,), whose own standard error is `place_error`.

        The expectation of a logistic under normal error is taken by its usual probit approximation.
        """
        scale = self.of(task)
        variance = scale.error**2 + (scale.spread * place_error) ** 2
        z = scale.level + scale.spread * place
        value = from_logit(z / np.sqrt(1.0 + np.pi / 8.0 * variance))
        return Estimate(value, np.broadcast_to(slope(value) * np.sqrt(variance), value.shape))


def key(task: Task) -> str:
    """What tells one task from another: its dataset and its recipe."""
    return f"{task.fingerprint}/{task.recipe}"
