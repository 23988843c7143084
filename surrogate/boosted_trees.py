"""`BoostedTrees`: gradient-boosted trees on graph features, costs and the task's probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from surrogate.encoding import Inputs, check_finite, feature_names
from surrogate.experience import Experience
from surrogate.prediction import Estimate
from surrogate.predictor import Predictor
from surrogate.relative import RelativeScale
from surrogate.state import State
from surrogate.task import Task
from surrogate.transform import to_logit

if TYPE_CHECKING:
    import lightgbm

__all__ = ["TASK_COLUMNS", "BoostedTrees"]

Floats = NDArray[np.float64]

TASK_COLUMNS = ("task_dcn", "task_classes", "task_channels", "task_train_images", "task_epochs", "task_image_side")
"""What trees may know of a task: few columns, for with tens of datasets more would only name the dataset."""


def task_columns(task: Task) -> NDArray[np.float32]:
    """(6,) the values of `TASK_COLUMNS`; counts as logarithms."""
    counts = np.log([task.classes, task.channels, task.train_images, task.epochs, task.image_side])
    return np.array([to_logit(task.dcn), *counts], np.float32)


@dataclass(eq=False)
class BoostedTrees(Predictor):
    """LightGBM (Ke et al. 2017) learns a network's place within its task; a ridge regression the task's level.

    Graph features with trees beat most neural predictors (GRAF, Kadlecová et al. 2024, arXiv 2404.16551).

    Args:
        trees: boosting rounds of each of the `bags` models.
        leaves: leaves of a tree.
        learning_rate: shrinkage of each tree.
        column_share: share of the features that a tree may use.
        least_leaf: rows in a leaf.
        bags: models of different seeds, averaged; their disagreement widens the interval.
        threads: CPU threads; 0 for all.
    """

    name: ClassVar[str] = "boosted-trees"
    trees: int = 150
    leaves: int = 15
    learning_rate: float = 0.06
    column_share: float = 0.3
    least_leaf: int = 10
    bags: int = 2
    threads: int = 0
    level: float = 0.9
    folds: int = 5
    seed: int = 0

    def _learn(self, experience: Experience) -> None:
        names = (*feature_names(), *TASK_COLUMNS)
        of_task = np.stack([task_columns(task) for task in experience.tasks])[experience.task_index]
        matrix = np.concatenate([experience.features, of_task], axis=1)
        check_finite(matrix, names, type(self).__name__)
        self.scale_ = RelativeScale().fit(experience)
        weight = _task_weight(experience)
        known = np.array([self.scale_.knows(task) for task in experience.tasks])[experience.task_index]
        self.boosters_ = self._boosters(
            matrix[known], self.scale_.places(experience)[known], weight[known], experience.group[known], names
        )
        if not known.all():  # tasks with few rows are placed by what the others taught, then all are learned from
            self.scale_.refine(experience, self._places(matrix)[0])
            self.boosters_ = self._boosters(matrix, self.scale_.places(experience), weight, experience.group, names)
        residual = self.scale_.places(experience) - self._places(matrix)[0]
        self.place_error_ = float(np.sqrt(np.average(residual**2, weights=weight)))

    def _estimate(self, inputs: Inputs) -> Estimate:
        features = inputs.features
        columns = np.broadcast_to(task_columns(inputs.task), (len(features), len(TASK_COLUMNS)))
        matrix = np.concatenate([features, columns], axis=1)
        check_finite(features, feature_names(), type(self).__name__)
        place, disagreement = self._places(matrix)
        return self.scale_.estimate(inputs.task, place, np.hypot(self.place_error_, disagreement))

    def _places(self, matrix: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Mean and deviation, over the bags, of the predicted places, both (n,)."""
        places = np.stack([np.asarray(booster.predict(matrix, num_threads=self.threads)) for booster in self.boosters_])
        return places.mean(axis=0), places.std(axis=0)

    def _boosters(
        self,
        matrix: NDArray[np.float32],
        place: Floats,
        weight: Floats,
        group: NDArray[np.int64],
        names: tuple[str, ...],
    ) -> list[lightgbm.Booster]:
        import lightgbm

        data = lightgbm.Dataset(
            matrix,
            np.clip(place, -3.5, 3.5),
            weight=weight,
            feature_name=list(names),
            params={"verbosity": -1, "max_bin": 63, "num_threads": self.threads, "min_data_in_bin": 1},
            free_raw_data=False,
        )
        common = {
            "objective": "regression",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "feature_fraction": self.column_share,
            "bagging_fraction": 0.7,
            "bagging_freq": int(len(matrix) >= 20),
            "min_data_in_leaf": min(self.least_leaf, max(1, len(matrix) // 20)),
            "lambda_l2": 3.0,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            "max_bin": 63,
        }
        seeds = range(self.seed * self.bags, (self.seed + 1) * self.bags)
        return [lightgbm.train({**common, "seed": seed}, data, num_boost_round=self.trees) for seed in seeds]

    def _store(self, state: State) -> None:
        scale = State()
        self.scale_.store(scale)
        state.put_part("scale", scale)
        state.arrays["place_error"] = np.asarray(self.place_error_)
        state.texts.update({f"trees_{bag}": booster.model_to_string() for bag, booster in enumerate(self.boosters_)})

    def _restore(self, state: State) -> None:
        import lightgbm

        self.scale_ = RelativeScale.restored(state.part("scale"))
        self.place_error_ = state.arrays["place_error"].item()
        self.boosters_ = [lightgbm.Booster(model_str=state.texts[f"trees_{bag}"]) for bag in range(self.bags)]


def _task_weight(experience: Experience) -> Floats:
    """(n,) weights: a task counts as the square root of its rows, so that none drowns the others."""
    size = np.bincount(experience.task_index, minlength=len(experience.tasks))
    weight = 1.0 / np.sqrt(size[experience.task_index])
    return np.asarray(weight / weight.mean())
