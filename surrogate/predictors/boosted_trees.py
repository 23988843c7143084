"""`BoostedTrees`: gradient-boosted trees on graph features, costs and the task's probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.encoding import Inputs, check_finite, feature_names
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.task_columns import TASK_COLUMNS
from presage.surrogate.predictors.relative_predictor import RelativePredictor, task_weight
from presage.surrogate.predictors.side_by_side import threads_here
from presage.surrogate.predictors.state import State
from presage.surrogate.predictors.tree_model import TreeModel

__all__ = ["BoostedTrees"]

Floats = NDArray[np.float64]

FEW_ROWS = 5000


@dataclass(eq=False)
class BoostedTrees(RelativePredictor):
    """LightGBM (Ke et al. 2017) learns a network's relative accuracy; the task's mean comes from its probe.

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
    trees: int = 400
    leaves: int = 24
    learning_rate: float = 0.06
    column_share: float = 0.2
    least_leaf: int = 10
    bags: int = 2
    threads: int = 0
    level: float = 0.9
    folds: int = 5
    seed: int = 0

    def _prepare(self, experience: Experience) -> None:
        check_finite(experience.features, feature_names(), type(self).__name__)

    def _learn_relative(self, experience: Experience, rows: NDArray[np.int64], target: Floats) -> None:
        import lightgbm

        # on little data threads only wait for each other
        threads = threads_here(1 if len(rows) < FEW_ROWS else self.threads)
        data = lightgbm.Dataset(
            self._matrix(experience, rows),
            target,
            weight=task_weight(experience)[rows],
            feature_name=[*feature_names(), *(f"task.{name}" for name in TASK_COLUMNS)],
            params={"verbosity": -1, "max_bin": 63, "num_threads": threads, "min_data_in_bin": 1},
            free_raw_data=False,
        )
        common = {
            "objective": "regression",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "feature_fraction": self.column_share,
            "bagging_fraction": 0.7,
            "bagging_freq": int(len(rows) >= 20),
            "min_data_in_leaf": min(self.least_leaf, max(1, len(rows) // 20)),
            "lambda_l2": 3.0,
            "num_threads": threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            "max_bin": 63,
        }
        seeds = range(self.seed * self.bags, (self.seed + 1) * self.bags)
        boosters = [lightgbm.train({**common, "seed": seed}, data, num_boost_round=self.trees) for seed in seeds]
        self.models_ = [TreeModel(booster.model_to_string()) for booster in boosters]

    def _relative(self, inputs: Inputs) -> tuple[Floats, Floats]:
        features = inputs.features
        check_finite(features, feature_names(), type(self).__name__)
        matrix = np.empty((len(features), features.shape[1] + len(TASK_COLUMNS)), np.float32)
        matrix[:, : features.shape[1]], matrix[:, features.shape[1] :] = features, self._task_columns(inputs.task)
        bags = self._of_bags(matrix)
        return bags.mean(axis=0), bags.std(axis=0)

    def _relative_of_rows(self, experience: Experience) -> Floats:
        """Networks of all tasks at once: a call for each of many tasks takes longer than their trees do."""
        return np.asarray(self._of_bags(self._matrix(experience, np.arange(len(experience)))).mean(axis=0))

    def _matrix(self, experience: Experience, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(r, f + q) features of these rows, and the columns of their tasks."""
        of_task = self._columns_of_tasks(experience)[experience.task_index[rows]]
        return np.concatenate([experience.features[rows], of_task], axis=1)

    def _of_bags(self, matrix: NDArray[np.float32]) -> Floats:
        """(bags, n) sums of each model's trees."""
        return np.stack([model.predict(matrix, threads_here(self.threads)) for model in self.models_])

    def _store(self, state: State) -> None:
        super()._store(state)
        state.texts.update({f"trees_{bag}": model.text for bag, model in enumerate(self.models_)})

    def _restore(self, state: State) -> None:
        super()._restore(state)
        self.models_ = [TreeModel(state.texts[f"trees_{bag}"]) for bag in range(self.bags)]
