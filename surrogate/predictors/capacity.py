"""How much larger networks gain, by their size and by how long they are trained: trends that go on beyond experience.

Trees and kernels know nothing of networks larger than those they learned from, and of longer trainings. What three
numbers of a network are worth (its depth, its multiply-adds, its parameters) goes on: compared within one search space
on one task, so that no space as a whole counts as large or small, and compared between the trainings of one network,
early and late in its curve, and by two recipes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.encoding import capacities
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import to_logit
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.recipe_effect import RecipeEffect, usual_tasks

__all__ = ["CapacityTrend"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RIDGE = 20.0
"""Rows' worth of belief that a slope is 0."""
LEAST_ALIKE = 4
"""Networks of one space on one task that are compared, at least."""
RECIPE_WEIGHT = 5.0
"""What two trainings of a network by two recipes count beside two epochs of one training."""
LEAST_SPREAD = 0.05


@dataclass(eq=False)
class CapacityTrend:
    """Relative accuracy of a network as far as its capacity tells.

    It is (c − c̄)·(slopes + doublings·by_training + octaves·by_side): c are `capacities`, doublings are of the images
    seen and octaves of the image side, both against what is usual on the dataset. Slopes are ridge regressions, in
    deviations of a task's logits.
    """

    def fit(self, experience: Experience, relative: Floats, effect: RecipeEffect) -> CapacityTrend:
        """Learns from trained relative accuracies (n,); `effect` says which recipe is usual."""
        usual = usual_tasks(experience)
        size = capacities(experience.features)
        self.centre_ = size.mean(axis=0)
        rows = np.flatnonzero(np.isin(experience.task_index, usual))
        parts = _alike(experience, rows)
        self.slopes_ = _slopes([(size[some], relative[some], 1.0) for some in parts], 3)
        differences = [
            (_beside(size[some] * np.log2(3.0), 3), relative[some] - early, 1.0)
            for some, early in _early(experience, parts)
        ]
        for task, some, before in _again(experience, usual):
            seen, _, side = effect.columns(task)
            moved = np.concatenate([size[some] * seen, size[some] * side], axis=1)
            differences.append((moved, _standard(to_logit(experience.accuracy[some])) - before, RECIPE_WEIGHT))
        gains = _slopes(differences, 6)
        self.by_training_, self.by_side_ = gains[:3], gains[3:]
        return self

    def usual(self, size: Floats) -> Floats:
        """(n,) relative accuracies by capacities (n, 3) after the usual training."""
        return np.asarray((size - self.centre_) @ self.slopes_)

    def gain(self, size: Floats, by: Floats) -> Floats:
        """(n,) what a training that is more than usual by (3,) `RecipeEffect.columns` adds to them."""
        return np.asarray((size - self.centre_) @ self.gains(by))

    def gains(self, by: Floats) -> Floats:
        """(3,) what it adds to the slopes."""
        seen, _, side = by
        return np.asarray(seen * self.by_training_ + side * self.by_side_)


def _alike(experience: Experience, rows: Ints) -> list[Ints]:
    """The rows, parted by task and space."""
    key = np.unique(experience.spaces, return_inverse=True)[1] + len(experience) * experience.task_index
    order = rows[np.argsort(key[rows], kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(key[order])) + 1)
    return [part for part in parts if len(part) >= LEAST_ALIKE]


def _early(experience: Experience, parts: list[Ints]) -> list[tuple[Ints, Floats]]:
    """Rows that are alike, and their relative accuracies after a third of their training."""
    standard = np.full(len(experience), np.nan)
    for _, rows in experience.rows_by_task():
        known = rows[np.isfinite(experience.early[rows])]
        if len(known) >= LEAST_ALIKE:
            standard[known] = _standard(to_logit(experience.early[known]))
    found = []
    for part in parts:
        some = part[np.isfinite(standard[part])]
        if len(some) >= LEAST_ALIKE:
            found.append((some, standard[some]))
    return found


def _again(experience: Experience, usual: Ints) -> list[tuple[Task, Ints, Floats]]:
    """Tasks of other recipes, their rows of networks that the usual recipe trained too, and how these did then."""
    is_usual = np.isin(experience.task_index, usual)
    before: dict[tuple[str, str], list[float]] = {}
    names = [task.fingerprint for task in experience.tasks]
    logit = to_logit(experience.accuracy)
    for row in np.flatnonzero(is_usual).tolist():
        before.setdefault((names[experience.task_index[row]], str(experience.hashes[row])), []).append(logit[row])
    found = []
    for index, task in enumerate(experience.tasks):
        if index in usual or task.assumed:
            continue
        rows = np.flatnonzero(experience.task_index == index)
        known = [row for row in rows.tolist() if (names[index], str(experience.hashes[row])) in before]
        if len(known) >= 2 * LEAST_ALIKE:
            then = [float(np.mean(before[names[index], str(experience.hashes[row])])) for row in known]
            found.append((task, np.array(known, np.int64), _standard(np.array(then))))
    return found


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / max(float(values.std()), LEAST_SPREAD))


def _beside(size: Floats, columns: int) -> Floats:
    return np.concatenate([size, np.zeros((len(size), columns))], axis=1)


def _slopes(parts: list[tuple[Floats, Floats, float]], columns: int) -> Floats:
    """Ridge regression within parts: each is (r, c) columns, (r,) targets and a weight."""
    gram, right = RIDGE * np.eye(columns), np.zeros(columns)
    for x, y, weight in parts:
        apart = x - x.mean(axis=0)
        gram += weight * apart.T @ apart
        right += weight * apart.T @ (y - y.mean())
    return np.asarray(np.linalg.solve(gram, right))
