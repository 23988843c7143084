"""Baselines that a predictor must beat, shipped beside it: what little knowledge is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.encoding import Inputs, check_finite, feature_names
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit, slope, to_logit
from presage.surrogate.predictors.gp import squared_distances
from presage.surrogate.predictors.prediction import Estimate
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.relative_predictor import RelativePredictor, task_weight
from presage.surrogate.predictors.state import State

__all__ = ["CostOnly", "DatasetMean", "NearestDataset"]

Floats = NDArray[np.float64]


@dataclass(eq=False)
class DatasetMean(Predictor):
    """The mean accuracy of datasets of like difficulty, the same for every network: knows the dataset, not the network.

    Args:
        bandwidth: how fast a dataset's weight falls with \\|ΔDCN\\|: exp(−½(ΔDCN / bandwidth)²).
    """

    name: ClassVar[str] = "dataset-mean"
    bandwidth: float = 0.05
    level: float = 0.9
    folds: int = 5
    seed: int = 0

    def _learn(self, experience: Experience) -> None:
        z = to_logit(experience.accuracy)
        rows = [rows for _, rows in experience.rows_by_task()]
        self.dcn_ = np.array([task.dcn for task in experience.tasks])
        self.mean_ = np.array([z[some].mean() for some in rows])
        self.spread_ = np.array([z[some].std() for some in rows])

    def _estimate(self, inputs: Inputs) -> Estimate:
        distance = ((self.dcn_ - inputs.task.dcn) / self.bandwidth) ** 2
        weight = np.exp(-0.5 * (distance - distance.min()))  # relative to the nearest: never all zero
        weight /= weight.sum()
        mean = weight @ self.mean_
        spread = np.sqrt(weight @ (self.spread_**2 + (self.mean_ - mean) ** 2)) + 0.05
        value = np.full(len(inputs), from_logit(mean))
        return Estimate(value, slope(value) * spread)

    def _store(self, state: State) -> None:
        state.arrays.update(dcn=self.dcn_, mean=self.mean_, spread=self.spread_)

    def _restore(self, state: State) -> None:
        self.dcn_, self.mean_, self.spread_ = (state.arrays[name] for name in ("dcn", "mean", "spread"))


@dataclass(eq=False)
class CostOnly(RelativePredictor):
    """Ridge regression on costs, their squares and products: knows how large a network is, not what it is made of."""

    name: ClassVar[str] = "cost-only"
    penalty: float = 1.0
    level: float = 0.9
    folds: int = 5
    seed: int = 0

    def _prepare(self, experience: Experience) -> None:
        costs = experience.features[:, _cost_columns()]
        check_finite(costs, feature_names()[_cost_columns()], type(self).__name__)
        self.centre_ = costs.mean(axis=0, dtype=np.float64)
        self.deviation_ = costs.std(axis=0, dtype=np.float64) + 1e-6

    def _learn_relative(self, experience: Experience, rows: NDArray[np.int64], target: Floats) -> None:
        x = self._terms(experience.features[rows][:, _cost_columns()])
        weighted = x * task_weight(experience)[rows, None]
        self.coefficients_ = np.linalg.solve(weighted.T @ x + self.penalty * np.eye(x.shape[1]), weighted.T @ target)

    def _relative(self, inputs: Inputs) -> tuple[Floats, Floats]:
        costs = inputs.features[:, _cost_columns()]
        check_finite(costs, feature_names()[_cost_columns()], type(self).__name__)
        relative = self._terms(costs) @ self.coefficients_
        return relative, np.zeros(len(relative))

    def _terms(self, costs: NDArray[np.float32]) -> Floats:
        """(n, 1 + f + f(f+1)/2) constant, linear and second-order terms of standardised costs."""
        x = np.clip((costs - self.centre_) / self.deviation_, -4.0, 4.0)
        left, right = np.triu_indices(x.shape[1])
        return np.concatenate([np.ones((len(x), 1)), x, x[:, left] * x[:, right]], axis=1)

    def _store(self, state: State) -> None:
        super()._store(state)
        state.arrays.update(centre=self.centre_, deviation=self.deviation_, coefficients=self.coefficients_)

    def _restore(self, state: State) -> None:
        super()._restore(state)
        self.centre_, self.deviation_ = state.arrays["centre"], state.arrays["deviation"]
        self.coefficients_ = state.arrays["coefficients"]


def _cost_columns() -> slice:
    """Where `Inputs.features` holds the costs: at its end."""
    from presage.architecture.encoders import COST_FEATURE_NAMES

    return slice(-len(COST_FEATURE_NAMES), None)


@dataclass(eq=False)
class NearestDataset(Predictor):
    """What like networks scored on the one dataset of nearest DCN: recall without learning.

    Of a dataset that was trained on by several recipes, its networks by the recipe that it has most of.

    Args:
        neighbours: networks, nearest in standardised graph features and costs, whose accuracies are averaged.
    """

    name: ClassVar[str] = "nearest-dataset"
    neighbours: int = 3
    level: float = 0.9
    folds: int = 5
    seed: int = 0

    def _learn(self, experience: Experience) -> None:
        features = np.asarray(experience.features, np.float64)
        self.centre_, self.deviation_ = features.mean(axis=0), features.std(axis=0)
        size = np.bincount(experience.task_index)
        most = {task.fingerprint: at for at, task in sorted(enumerate(experience.tasks), key=lambda of: size[of[0]])}
        self.dcn_ = np.full(len(size), np.inf)
        for at in most.values():
            self.dcn_[at] = experience.tasks[at].dcn
        self.x_ = self._standard(features)
        self.z_ = to_logit(experience.accuracy)
        self.task_index_ = experience.task_index

    def _estimate(self, inputs: Inputs) -> Estimate:
        rows = np.flatnonzero(self.task_index_ == int(np.argmin(np.abs(self.dcn_ - inputs.task.dcn))))
        known, asked = self.x_[rows], self._standard(np.asarray(inputs.features, np.float64))
        value, spread = np.empty(len(asked)), np.empty(len(asked))
        for start in range(0, len(asked), 1024):
            some = asked[start : start + 1024]
            nearest = np.argsort(squared_distances(some, known), axis=1, kind="stable")[:, : self.neighbours]
            z = self.z_[rows][nearest]  # (b, neighbours)
            value[start : start + len(some)] = from_logit(z.mean(axis=1))
            spread[start : start + len(some)] = z.std(axis=1)
        return Estimate(value, slope(value) * (spread + float(self.z_[rows].std()) + 0.05))

    def _standard(self, features: Floats) -> Floats:
        spread = np.where(self.deviation_ > 1e-6, self.deviation_, np.inf)
        return np.asarray(np.clip((features - self.centre_) / spread, -4.0, 4.0))

    def _store(self, state: State) -> None:
        state.arrays.update(centre=self.centre_, deviation=self.deviation_, dcn=self.dcn_, x=self.x_, z=self.z_)
        state.arrays["task_index"] = self.task_index_

    def _restore(self, state: State) -> None:
        self.centre_, self.deviation_, self.dcn_ = (state.arrays[name] for name in ("centre", "deviation", "dcn"))
        self.x_, self.z_, self.task_index_ = (state.arrays[name] for name in ("x", "z", "task_index"))
