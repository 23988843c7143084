"""The three scenarios of TAPAS (arXiv 1806.00250, section 4.2), one fixed predictor in each: what the DCN is worth.

The predictor is boosted trees on graph features and costs that learn accuracies as they are, without anything else
that presage knows of a dataset. Between the scenarios only the DCN differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.errors import InvalidArgument
from presage.records.dcn_filter import TOLERANCE, similar_datasets
from presage.surrogate.data.encoding import Inputs, check_finite, feature_names
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.prediction import Estimate
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.state import State

if TYPE_CHECKING:
    import lightgbm

__all__ = ["AnyDifficulty", "DifficultyAsInput", "DifficultyFilter", "scenarios"]

Singles = NDArray[np.float32]

LEAST = 200
"""Experiments that the filter must leave; it is widened to the nearest datasets that have so many together."""


@dataclass(eq=False)
class AnyDifficulty(Predictor):
    """Scenario 1: neither DCN nor filter.

    Args:
        trees: boosting rounds.
        leaves: leaves of a tree.
        learning_rate: shrinkage of each tree.
    """

    name: ClassVar[str] = "tapas-1-no-dcn"
    reads_dcn: ClassVar[bool] = False
    trees: int = 100
    leaves: int = 15
    learning_rate: float = 0.1
    level: float = 0.9
    folds: int = 5
    seed: int = 0

    def _learn(self, experience: Experience) -> None:
        self.booster_ = self._trees(experience)

    def _estimate(self, inputs: Inputs) -> Estimate:
        return self._answer(self.booster_, inputs)

    def _trees(self, experience: Experience) -> lightgbm.Booster:
        import lightgbm

        check_finite(experience.features, feature_names(), type(self).__name__)
        dcn = np.array([task.dcn for task in experience.tasks])[experience.task_index]
        data = lightgbm.Dataset(
            self._columns(experience.features, dcn),
            experience.accuracy,
            params={"verbosity": -1, "max_bin": 63, "num_threads": 1, "min_data_in_bin": 1},
        )
        how = {
            "objective": "regression",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "feature_fraction": 0.3,
            "min_data_in_leaf": min(10, max(1, len(experience) // 20)),
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            "seed": self.seed,
        }
        return lightgbm.train(how, data, num_boost_round=self.trees)

    def _answer(self, booster: lightgbm.Booster, inputs: Inputs) -> Estimate:
        check_finite(inputs.features, feature_names(), type(self).__name__)
        dcn = np.full(len(inputs), inputs.task.dcn)
        value = np.asarray(booster.predict(self._columns(inputs.features, dcn), num_threads=1))
        return Estimate(np.clip(value, 0.0, 1.0), np.full(len(value), 0.1))

    def _columns(self, features: Singles, dcn: NDArray[np.float64]) -> Singles:
        """(n, f) what the trees read."""
        return np.concatenate([features, dcn[:, None].astype(np.float32)], axis=1) if self.reads_dcn else features

    def _store(self, state: State) -> None:
        state.texts["trees"] = self.booster_.model_to_string()

    def _restore(self, state: State) -> None:
        import lightgbm

        self.booster_ = lightgbm.Booster(model_str=state.texts["trees"])


@dataclass(eq=False)
class DifficultyAsInput(AnyDifficulty):
    """Scenario 2: the DCN is one more input."""

    name: ClassVar[str] = "tapas-2-dcn"
    reads_dcn: ClassVar[bool] = True


@dataclass(eq=False)
class DifficultyFilter(DifficultyAsInput):
    """Scenario 3: the DCN as input, and only experiments on datasets with \\|ΔDCN\\| ≤ `tolerance` to learn from.

    Which ones depends on the dataset that is asked for, so it learns when asked. It cannot be stored.

    Args:
        tolerance: of the filter.
        least: experiments below which the filter is widened, as `Database.similar` does.
    """

    name: ClassVar[str] = "tapas-3-dcn-filter"
    tolerance: float = TOLERANCE
    least: int = LEAST

    def _learn(self, experience: Experience) -> None:
        self.experience_ = experience
        self.learned_: dict[tuple[str, ...], lightgbm.Booster] = {}

    def _estimate(self, inputs: Inputs) -> Estimate:
        near = self.near(inputs.task)
        if near not in self.learned_:
            self.learned_[near] = self._trees(self.experience_.only(near))
        return self._answer(self.learned_[near], inputs)

    def near(self, task: Task) -> tuple[str, ...]:
        """The datasets that are learned from for a task, sorted."""
        counts = dict(zip(self.experience_.fingerprints, np.bincount(self.experience_.group).tolist(), strict=True))
        dcn = {known.fingerprint: known.dcn for known in self.experience_.tasks}
        chosen, _ = similar_datasets(task.dcn, dcn, counts, tolerance=self.tolerance, least=self.least)
        return tuple(sorted(chosen))

    def _store(self, state: State) -> None:
        raise InvalidArgument("predictor", "save_predictor", "have learned before it is asked", self.name)

    def _restore(self, state: State) -> None:
        raise InvalidArgument("predictor", "load_predictor", "have learned before it is asked", self.name)


def scenarios(seed: int = 0) -> list[Predictor]:
    """The three, unfitted."""
    return [AnyDifficulty(seed=seed), DifficultyAsInput(seed=seed), DifficultyFilter(seed=seed)]
