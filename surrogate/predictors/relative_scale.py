"""Accuracy split in two: a task's mean and spread (a few tens of examples) and a network's relative accuracy within its
task (thousands of examples). Predictors learn the second and put the two together again.

With z the logit of an accuracy: z = mean(task) + spread(task) · relative(network, task).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit, slope, to_logit
from presage.surrogate.data.ranks import normal_scores
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.prediction import Estimate
from presage.surrogate.predictors.recipe_effect import RecipeEffect, usual_tasks, widened
from presage.surrogate.predictors.state import State
from presage.surrogate.predictors.task_model import MEAN_FEATURES, SPREAD_FEATURES, LadderedModel

__all__ = ["RelativeScale", "TaskScale"]

Floats = NDArray[np.float64]

ENOUGH = 20
"""Rows from which on a task's own mean and deviation are taken as they are."""
SHARED = 0.5
"""Share of the tasks that a search space is in, from which on it counts for a task's mean and spread."""
LEAST_SPREAD = 0.05
"""Logits; keeps a task whose networks all score alike from turning noise into relative accuracies."""


@dataclass(frozen=True)
class TaskScale:
    """Where a task's accuracies lie, in logits: mean, spread, and the standard error of the mean.

    What an unusual recipe adds to that error is kept apart: `recipe_std_error`.
    """

    mean: float
    spread: float
    std_error: float
    recipe_std_error: float = 0.0


@dataclass(eq=False)
class RelativeScale:
    """Means and spreads of known tasks, and a model of both for unknown ones."""

    known: dict[str, TaskScale] = field(default_factory=dict)

    def fit(self, experience: Experience) -> RelativeScale:
        """Learns mean and spread from tasks of the usual recipe with enough rows; all others are left to `refine`."""
        z = to_logit(experience.accuracy)
        rows = [rows for _, rows in experience.rows_by_task()]
        counts = np.array([len(some) for some in rows])
        usual = np.zeros(len(counts), np.bool_)
        usual[usual_tasks(experience)] = True
        large = np.flatnonzero(usual & (counts >= min(ENOUGH, counts[usual].max())))
        tasks = [experience.tasks[index] for index in large]
        shares = _shares(experience.spaces, [rows[index] for index in large])
        means = np.array([share @ z[rows[index]] for share, index in zip(shares, large, strict=True)])
        around = [z[rows[index]] - mean for index, mean in zip(large, means, strict=True)]
        spreads = np.array([np.sqrt(share @ np.square(off)) for share, off in zip(shares, around, strict=True)])
        spreads = np.maximum(spreads, LEAST_SPREAD)
        weight = counts[large] / (counts[large] + ENOUGH)
        self.mean_model_ = LadderedModel(MEAN_FEATURES, prior_slope=1.0).fit(tasks, means, weight)
        self.spread_model_ = LadderedModel(SPREAD_FEATURES).fit(tasks, np.log(spreads), weight)
        self.effect_ = RecipeEffect().fit(experience)
        self.known = {
            task.key: TaskScale(float(mean), float(spread), float(spread / np.sqrt(len(rows[index]))))
            for task, mean, spread, index in zip(tasks, means, spreads, large, strict=True)
        }
        return self

    def refine(self, experience: Experience, relative: Floats, gains: Floats | float = 0.0) -> None:
        """Gives each other task the mean and spread that its rows, and its probe and recipe, make likeliest together.

        A few networks trained on a task are rarely random ones (a short-list is the best of thousands, and other
        recipes train other networks), so their own mean is not the task's: each is compared with what its predicted
        relative accuracy (n,) would have scored. `gains` (n,) are what its own training adds to that.
        """
        z = to_logit(experience.accuracy)
        few = [(task, rows) for task, rows in experience.rows_by_task() if task.key not in self.known]
        paired = self._paired(experience, relative, np.broadcast_to(gains, relative.shape))
        self._learn_effect([(task, z[rows], paired[rows]) for task, rows in few])
        for task, rows in few:
            prior = self.of(task)
            apart = relative[rows] - relative[rows].mean()
            spread = max(float((apart @ z[rows] + ENOUGH * prior.spread) / (apart @ apart + ENOUGH)), LEAST_SPREAD)
            residual = z[rows] - prior.mean - spread * relative[rows]
            noise = (0.5 * spread) ** 2
            precision = 1.0 / (prior.std_error**2 + prior.recipe_std_error**2) + len(rows) / noise
            shift = residual.sum() / noise / precision
            self.known[task.key] = TaskScale(prior.mean + float(shift), spread, float(precision**-0.5))

    def learn_pairs(self, experience: Experience) -> None:
        """Learns what recipes do from networks alone that were trained by two of them on one dataset."""
        z, nothing = to_logit(experience.accuracy), np.full(len(experience), np.nan)
        paired = self._paired(experience, nothing, np.zeros(len(experience)))
        parts = [(task, rows[np.isfinite(paired[rows])]) for task, rows in experience.rows_by_task()]
        self._learn_effect([(task, z[rows], paired[rows]) for task, rows in parts if len(rows)])

    def _paired(self, experience: Experience, relative: Floats, gains: Floats) -> Floats:
        """(n,) relative accuracies: a network's own by the usual recipe on its dataset, and gains; else predicted."""
        trained = self.relative(experience)
        names = [task.fingerprint for task in experience.tasks]
        keys = [(names[at], str(key)) for at, key in zip(experience.task_index, experience.hashes, strict=True)]
        usual = [task.key in self.known and self.effect_.is_usual(task) for task in experience.tasks]
        before: dict[tuple[str, str], list[float]] = {}
        for row in np.flatnonzero(np.array(usual)[experience.task_index]).tolist():
            before.setdefault(keys[row], []).append(float(trained[row]))
        found = relative.copy()
        for row, key in enumerate(keys):
            if key in before:
                found[row] = np.mean(before[key]) + gains[row]
        return found

    def _learn_effect(self, few: list[tuple[Task, Floats, Floats]]) -> None:
        """Learns what recipes do from tasks of unusual ones: the logits and relative accuracies of their networks.

        Recipes that do not tell their epochs, images or side teach nothing of what these do.
        """
        unusual = [part for part in few if not self.effect_.is_usual(part[0]) and not part[0].assumed]
        scales = [self.usual(task) for task, _, _ in unusual]
        shifts = [
            float((z - scale.mean - scale.spread * relative).mean())
            for (_, z, relative), scale in zip(unusual, scales, strict=True)
        ]
        networks = np.array([float(len(z)) for _, z, _ in unusual])
        spreads = np.array([scale.spread for scale in scales])
        self.effect_.learn([task for task, _, _ in unusual], np.array(shifts), networks, spreads)

    def knows(self, task: Task) -> bool:
        """Whether the task's mean comes from rows of its own."""
        return task.key in self.known

    def of(self, task: Task) -> TaskScale:
        """The task's scale: from its own rows where there are any, else from its probe."""
        if task.key in self.known:
            return self.known[task.key]
        usual = self.usual(task)
        shift, std_error = self.effect_.predict(task, usual.spread)
        return TaskScale(usual.mean + shift, usual.spread * widened(shift), usual.std_error, std_error)

    def usual(self, task: Task) -> TaskScale:
        """The scale of the task's dataset by the usual recipe."""
        usual = self.effect_.usual(task)
        if usual.key in self.known:
            return self.known[usual.key]
        mean, std_error = self.mean_model_.predict(usual)
        return TaskScale(mean, float(np.exp(self.spread_model_.predict(usual)[0])), std_error)

    def relative(self, experience: Experience) -> Floats:
        """(n,) the relative accuracy of each row within its task: what remains of z after mean and spread."""
        mean, spread = self._of_rows(experience)
        return np.asarray((to_logit(experience.accuracy) - mean) / spread)

    def relative_by_depth(self, experience: Experience) -> NDArray[np.float32]:
        """(l,) relative accuracies of prefixes (`Experience.depth_steps`), within ±3.5; NaN where none was read."""
        steps = experience.depth_steps
        read = np.flatnonzero(steps >= 0)
        rows = experience.sequences.network[read]
        readings = [experience.depth_accuracies[row][step] for row, step in zip(rows, steps[read], strict=True)]
        mean, spread = self._of_rows(experience)
        z = (to_logit(np.array(readings, np.float32)) - mean[rows]) / spread[rows]
        relative = np.full(len(steps), np.nan, np.float32)
        relative[read] = np.clip(z, -3.5, 3.5)
        return relative

    def _of_rows(self, experience: Experience) -> tuple[Floats, Floats]:
        """(n,) mean and (n,) spread of each row's task."""
        scales = [self.of(task) for task in experience.tasks]
        mean = np.array([scale.mean for scale in scales])[experience.task_index]
        return mean, np.array([scale.spread for scale in scales])[experience.task_index]

    def targets(self, experience: Experience) -> Floats:
        """(n,) what to learn: the mean of each row's relative accuracy and of the normal score of its rank in its task.

        The first says how much better a network is, a rank only that it is; the mean bends outliers in. Tasks with few
        rows have no ranks worth the name and keep their relative accuracies.
        """
        targets = self.relative(experience)
        for _, rows in experience.rows_by_task():
            if len(rows) >= ENOUGH:
                targets[rows] = 0.5 * (targets[rows] + normal_scores(experience.accuracy[rows]))
        return targets

    def store(self, state: State) -> None:
        """Puts everything learned into `state`."""
        self.mean_model_.store(state, "mean")
        self.spread_model_.store(state, "spread")
        state.put("effect", self.effect_)
        state.words["known"] = list(self.known)
        state.arrays["known"] = np.array(
            [[scale.mean, scale.spread, scale.std_error, scale.recipe_std_error] for scale in self.known.values()]
        ).reshape(-1, 4)

    @classmethod
    def restored(cls, state: State) -> RelativeScale:
        """The reverse of `store`."""
        rows = state.arrays["known"].tolist()
        made = cls({name: TaskScale(*row) for name, row in zip(state.words["known"], rows, strict=True)})
        made.mean_model_ = LadderedModel.restored(state, "mean")
        made.spread_model_ = LadderedModel.restored(state, "spread")
        made.effect_ = state.get("effect", RecipeEffect)
        return made

    def estimate(
        self, task: Task, relative: Floats, std_error: Floats | float, beyond: Floats | float = 0.0
    ) -> Estimate:
        """Accuracies of networks from predicted relative accuracies (n,).

        The expectation of a logistic under normal error is taken by its usual probit approximation; larger networks
        are doubted more, which must not rank them lower, so that `beyond` has no part in it.

        Args:
            task: the task.
            relative: (n,) relative accuracies.
            std_error: of these, within experience.
            beyond: what lying beyond experience adds to that.
        """
        scale = self.of(task)
        variance = scale.std_error**2 + (scale.spread * std_error) ** 2
        more = scale.recipe_std_error**2 + np.square(scale.spread * np.asarray(beyond))
        z = scale.mean + scale.spread * relative
        value = from_logit(z / np.sqrt(1.0 + np.pi / 8.0 * (variance + scale.recipe_std_error**2)))
        within, out = (np.broadcast_to(slope(value) * np.sqrt(of), value.shape) for of in (variance, more))
        return Estimate(value, within, out)


def _shares(spaces: NDArray[np.str_], rows: list[NDArray[np.int64]]) -> list[Floats]:
    """What each row of each task counts for the task's mean and spread: (r,) shares that sum to 1.

    Tasks are compared by networks of the same kinds: every search space that half of the tasks have counts in all as
    much as it does in the median task. Short-lists of searches, the best of thousands, would else make a dataset look
    easy. Where what counts is worth `ENOUGH` networks or fewer (their effective number, Kish 1965), all count alike.
    """
    here = [np.unique(spaces[some], return_counts=True) for some in rows]
    share: dict[str, list[float]] = {}
    for names, counts in here:
        for name, count in zip(names.tolist(), counts.tolist(), strict=True):
            share.setdefault(name, []).append(count / counts.sum())
    usual = {name: float(np.median(found)) for name, found in share.items() if len(found) >= SHARED * len(rows)}
    found = []
    for some, (names, counts) in zip(rows, here, strict=True):
        each = {name: usual.get(name, 0.0) / count for name, count in zip(names.tolist(), counts.tolist(), strict=True)}
        weight = np.array([each[name] for name in spaces[some].tolist()])
        if weight.sum() ** 2 <= min(ENOUGH, len(some)) * np.square(weight).sum():  # too few to stand for all
            weight = np.ones(len(some))
        found.append(weight / weight.sum())
    return found
