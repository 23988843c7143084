"""`KernelRidge`: networks that are alike, on tasks that are alike, do alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.encoding import Inputs, check_finite, feature_names
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.meta_features import centre_and_scale, meta_features, standardised
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.gp import distances, matern_32, squared_differences, squared_exponential, with_noise
from presage.surrogate.predictors.relative_predictor import RelativePredictor, task_weight
from presage.surrogate.predictors.state import State

__all__ = ["KernelRidge"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

TASK_REACH = 6.0
"""Squared length scale of the task kernel, in standardised meta-features."""
TASK_FEATURES = ("dcn", "classes", "grey", "first_gain", "neighbour_gain", "brightness_spread")
"""What makes datasets alike."""
RECIPE_REACH = 4.0
"""Squared length scale of the recipe kernel, in doublings."""
METRIC_POWER = 0.25
"""Standardised features are multiplied by this power of the average gradient outer product G, so that the squared
distance of two networks is (x − x')ᵀ G^½ (x − x'). With a penalty of .5 the squared error of logits within datasets
left out is .148 with .15, .146 with .25, and .156 where every feature counts the same (docs/tried.md)."""
METRIC_FLOOR = 1e-3
"""Added to its eigenvalues, in shares of the largest."""
LEAST_METRIC = 500
"""Rows from which on a metric is learned."""
_LEARNED = (
    "centre", "deviation", "task_centre", "task_scale", "networks", "tasks", "dual", "of_network", "of_task",
)  # fmt: skip


@dataclass(eq=False)
class KernelRidge(RelativePredictor):
    """Kernel ridge regression of the relative accuracy, the kernel a product of one over networks and one over tasks.

    Over networks a Matérn kernel (ν = 3/2) of standardised graph features and costs, its length the median distance in
    a metric that is learned: directions count by how much a first fit changes along them, as its average gradient outer
    product says (one step of the recursive feature machine, Radhakrishnan et al. 2024, arXiv 2212.13881). Over
    datasets 1 − s + s·exp(−d²/2) of DCN, counts and probe: what holds on every one and what holds on like ones;
    over recipes the same of doublings of images, side and passes over an image. With few experiments a smooth kernel is
    as good as trees, and errs elsewhere, so that their mean is better than both.

    Args:
        penalty: ridge on the weights.
        task_share: s, the share of the ranking that may differ from dataset to dataset.
        recipe_share: the same from recipe to recipe.
        landmarks: most rows that carry a weight; with more experience than that, evenly drawn ones (Nyström).
        metric_rows: rows that carry a weight in the first fit, by which the metric is learned; 0 for features that all
            count the same.
    """

    name: ClassVar[str] = "kernel-ridge"
    penalty: float = 0.25
    task_share: float = 0.5
    recipe_share: float = 0.2
    landmarks: int = 3000
    metric_rows: int = 1500
    level: float = 0.9
    folds: int = 5
    seed: int = 0

    def _prepare(self, experience: Experience) -> None:
        features = experience.features
        check_finite(features, feature_names(), type(self).__name__)
        self.centre_ = features.mean(axis=0, dtype=np.float64)
        deviation = features.std(axis=0, dtype=np.float64)
        self.deviation_ = np.where(deviation > 1e-6, deviation, np.inf)
        self.task_centre_, self.task_scale_ = centre_and_scale(meta_features(experience.tasks, TASK_FEATURES))

    def _placing(self, experience: Experience, rows: Ints) -> Floats:
        """Made once for all predictors that place tasks so."""
        return self.placing(experience, lambda: self._learn_and_predict(experience, rows))

    def placing(self, experience: Experience, make: Callable[[], Floats]) -> Floats:
        """What `make` gives, the relative accuracies (n,) by which a predictor of these settings places tasks."""
        told = {name: value for name, value in self.settings().items() if name not in ("level", "folds")}
        return experience.shared((type(self).__name__, "placing", tuple(sorted(told.items()))), make)

    def _learn_relative(self, experience: Experience, rows: Ints, target: Floats) -> None:
        self.metric_ = np.zeros((0, 0), np.float32)
        if self.metric_rows and len(rows) >= LEAST_METRIC:
            self._solve(experience, rows, target, self.metric_rows)
            self.metric_ = _metric(self._gradients(experience, rows[self._drawn(len(rows), self.metric_rows)]))
        self._solve(experience, rows, target, self.landmarks)

    def _drawn(self, count: int, most: int) -> Ints:
        """Positions of at most so many of `count` rows, in order."""
        if count <= most:
            return np.arange(count)
        return np.sort(np.random.default_rng(self.seed).choice(count, most, replace=False))

    def _solve(self, experience: Experience, rows: Ints, target: Floats, most: int) -> None:
        """The weights of at most so many of the rows' networks, in the metric there is."""
        x, tasks = self._standard(experience.features[rows]), self._tasks(experience.tasks)
        own = experience.task_index[rows]
        chosen = self._drawn(len(rows), most)
        # networks trained on several tasks are compared once
        self.networks_, network = np.unique(x[chosen], axis=0, return_inverse=True)
        network = network.ravel()
        x, self.networks_ = self._measured(x), self._measured(self.networks_)
        spaced = self.networks_[np.linspace(0, len(self.networks_) - 1, min(len(self.networks_), 400)).astype(int)]
        self.length_ = max(float(np.median(distances(spaced, spaced))), 1e-3)
        of_task = self._task_kernel(tasks, tasks)
        weight = task_weight(experience)[rows]

        def kernel(some: Ints) -> Floats:
            near = matern_32(distances(x[some], self.networks_), self.length_)[:, network]
            return np.asarray(near * of_task[own[some]][:, own[chosen]], np.float64)

        if len(chosen) == len(rows):
            dual = _solved(with_noise(kernel(chosen), self.penalty / weight), target)
        else:
            among = kernel(chosen)
            left, right = self.penalty * among, np.zeros(len(chosen))
            for start in range(0, len(rows), 1000):
                part = np.arange(start, min(start + 1000, len(rows)))
                cross = kernel(part)
                weighted = cross * weight[part, None]
                left += weighted.T @ cross
                right += weighted.T @ target[part]
            dual = _solved(with_noise(left, 1e-6 * np.trace(left) / len(left)), right)
        # (rows,) each with its network and task: a task's ranking is these mixed by how like the tasks are
        self.dual_, self.of_network_, self.of_task_ = dual, network, own[chosen]
        self.tasks_ = tasks

    def _relative(self, inputs: Inputs) -> tuple[Floats, Floats]:
        features = inputs.features
        check_finite(features, feature_names(), type(self).__name__)
        mixed = self._mixed(self._task_kernel(self._tasks((inputs.task,)), self.tasks_)[0])
        relative, nearest = np.empty(len(features)), np.empty(len(features))
        for start in range(0, len(features), 1024):
            near = self._near(features[start : start + 1024])
            relative[start : start + 1024] = near @ mixed
            nearest[start : start + 1024] = near.max(axis=1)
        return relative, 0.5 * (1.0 - np.minimum(nearest, 1.0))  # a network like none that was trained is doubtful

    def _relative_of_rows(self, experience: Experience) -> Floats:
        """As `_relative`, with what tells tasks apart worked out once for all."""
        alike = self._task_kernel(self._tasks(experience.tasks), self.tasks_)
        relative = np.empty(len(experience))
        for index, (_, rows) in enumerate(experience.rows_by_task()):
            mixed = self._mixed(alike[index])
            for start in range(0, len(rows), 1024):
                some = rows[start : start + 1024]
                relative[some] = self._near(experience.features[some]) @ mixed
        return relative

    def _mixed(self, alike: Floats) -> Floats:
        """(m,) what each known network tells where tasks are so much alike (d,)."""
        told = self.dual_ * alike[self.of_task_]
        return np.asarray(np.bincount(self.of_network_, told, len(self.networks_)), np.float64)

    def _near(self, features: Singles) -> Singles:
        """(n, m) how like each known network these with features (n, f) are."""
        return matern_32(distances(self._measured(self._standard(features)), self.networks_), self.length_)

    def _gradients(self, experience: Experience, rows: Ints) -> Floats:
        """(r, f) how the relative accuracy of each row changes with its standardised features, where all count alike.

        Of a Matérn kernel (ν = 3/2) of length l at distance d the gradient is −3/l² · exp(−√3·d/l) · (x − x').
        """
        x = self._standard(experience.features[rows])
        fading = np.exp(-distances(x, self.networks_) * np.float32(3**0.5 / self.length_))
        alike = self._task_kernel(self._tasks(experience.tasks), self.tasks_)
        found = np.empty(x.shape)
        own = experience.task_index[rows]
        for index in np.unique(own).tolist():
            of_task = np.flatnonzero(own == index)
            pull = fading[of_task] * self._mixed(alike[index])
            found[of_task] = pull @ self.networks_ - x[of_task] * pull.sum(axis=1)[:, None]
        return 3.0 / self.length_**2 * found

    def _measured(self, standard: Singles) -> Singles:
        """(n, f) points whose Euclidean distances are those of standardised features (n, f) in the metric."""
        return standard @ self.metric_ if self.metric_.size else standard

    def _standard(self, features: Singles) -> Singles:
        return np.asarray(np.clip((features - self.centre_) / self.deviation_, -4.0, 4.0), np.float32)

    def _tasks(self, tasks: tuple[Task, ...]) -> Floats:
        """(d, q + 3) what tells datasets apart, and what tells recipes."""
        datasets = standardised(meta_features(tasks, TASK_FEATURES), self.task_centre_, self.task_scale_)
        recipes = np.array([self.scale_.effect_.doublings(task) for task in tasks], np.float64).reshape(-1, 3)
        return np.hstack([datasets, recipes])

    def _task_kernel(self, left: Floats, right: Floats) -> Floats:
        kernel = np.ones((len(left), len(right)))
        datasets, recipes = slice(None, len(TASK_FEATURES)), slice(len(TASK_FEATURES), None)
        for part, share, reach in (
            (datasets, self.task_share, TASK_REACH),
            (recipes, self.recipe_share, RECIPE_REACH),
        ):
            alike = squared_exponential(squared_differences(left[:, part], right[:, part]), reach)
            kernel = kernel * (1.0 - share + share * alike)
        return np.asarray(kernel)

    def _store(self, state: State) -> None:
        super()._store(state)
        for name in (*_LEARNED, "metric", "length"):
            state.arrays[name] = np.asarray(getattr(self, f"{name}_"))

    def _restore(self, state: State) -> None:
        super()._restore(state)
        for name in _LEARNED:
            setattr(self, f"{name}_", state.arrays[name])
        self.metric_ = state.arrays.get("metric", np.zeros((0, 0), np.float32))  # none was learned before 2026-12
        self.length_ = state.arrays["length"].item()


def _metric(gradients: Floats) -> Singles:
    """(f, f) symmetric, by which points are multiplied: the average outer product of gradients (r, f), to a power."""
    values, directions = np.linalg.eigh(gradients.T @ gradients)
    if values[-1] <= 0.0:  # nothing changes with anything
        return np.zeros((0, 0), np.float32)
    share = np.maximum(values / values[-1], 0.0) + METRIC_FLOOR
    return np.asarray((directions * share**METRIC_POWER) @ directions.T, np.float32)


def _solved(gram: Floats, target: Floats) -> Floats:
    """gram⁻¹ target of a positive definite matrix, which is overwritten."""
    from scipy.linalg import cho_factor, cho_solve  # lazily: half of numpy's general solver's time, and of its memory

    return np.asarray(cho_solve(cho_factor(gram, lower=True, overwrite_a=True, check_finite=False), target))
