"""`Ensemble`: several predictors, averaged with weights that left-out datasets chose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from presage_errors import InvalidArgument
from surrogate.encoding import Inputs
from surrogate.experience import Experience
from surrogate.fitting import fit_all
from surrogate.prediction import Estimate
from surrogate.predictor import Predictor
from surrogate.registry import get_predictor
from surrogate.state import State
from surrogate.transform import from_logit, slope, to_logit

__all__ = ["Ensemble"]

Floats = NDArray[np.float64]


@dataclass(eq=False)
class Ensemble(Predictor):
    """Weighted mean, on the logit scale, of the estimates of its members.

    The weights are at least 0 and sum to 1; among a grid, those with the least squared error of standardised logits
    within the datasets that members had not seen. With one dataset all weigh the same.

    Args:
        members: names of predictors, separated by commas; their other settings are their defaults.
    """

    name: ClassVar[str] = "ensemble"
    members: str = "boosted-trees,kernel-ridge,tap-lstm"
    level: float = 0.9
    folds: int = 5
    seed: int = 0

    def fit(self, experience: Experience, fitted: Mapping[str, Predictor] | None = None) -> Self:
        """Fits the members, weighs them and calibrates their mean.

        Args:
            experience: what to learn from.
            fitted: members that are already fitted to this experience, with this one's folds, by name.
        """
        names = self.members.split(",")
        if len(set(names)) != len(names):
            raise InvalidArgument("members", "Ensemble", "name each predictor once", self.members)
        given = fitted or {}
        self.fitted_ = [given.get(name) or self._member(name) for name in names]
        fit_all([member for member in self.fitted_ if member.name not in given], experience)
        left_out = [member.left_out_ for member in self.fitted_]
        self.weights_ = _best_weights(left_out, experience)
        self.left_out_ = _mean(left_out, self.weights_)
        self._calibrate(experience)
        return self

    def could_use(self, member: Predictor) -> bool:
        """Whether a fitted predictor is what this ensemble would fit itself."""
        return member.name in self.members.split(",") and member.settings() == self._member(member.name).settings()

    def _member(self, name: str) -> Predictor:
        return get_predictor(name, level=self.level, folds=self.folds, seed=self.seed)

    def _learn(self, experience: Experience) -> None:
        self.fit(experience)

    def _estimate(self, inputs: Inputs) -> Estimate:
        return _mean([member._estimate(inputs) for member in self.fitted_], self.weights_)

    def _store(self, state: State) -> None:
        state.arrays["weights"] = self.weights_
        for member in self.fitted_:
            state.put_part(member.name, member.state())

    def _restore(self, state: State) -> None:
        self.weights_ = state.arrays["weights"]
        self.fitted_ = [self._member(name).restore(state.part(name)) for name in self.members.split(",")]


def _mean(estimates: list[Estimate], weights: Floats) -> Estimate:
    """Mean in logits; members that disagree add to the doubt."""
    z = np.stack([to_logit(estimate.value) for estimate in estimates])
    mean = weights @ z
    value = from_logit(mean)
    own = weights @ np.stack([estimate.doubt for estimate in estimates])
    disagreement = np.sqrt(weights @ (z - mean) ** 2) * slope(value)
    return Estimate(value, np.hypot(own, disagreement))


def _best_weights(estimates: list[Estimate], experience: Experience) -> Floats:
    """Among weights in tenths, those whose mean has the least squared error of places within a left-out dataset."""
    m = len(estimates)
    best, chosen = np.inf, np.full(m, 1.0 / m)
    if m == 1 or len(experience.fingerprints) < 2:
        return chosen
    truth = _standard(to_logit(experience.accuracy), experience.group)
    z = np.stack([to_logit(estimate.value) for estimate in estimates])
    size = np.bincount(experience.group)
    row_weight = 1.0 / size[experience.group]
    for weights in _grid(m, 10):
        place = _standard(weights @ z, experience.group)
        error = float(np.average((truth - place) ** 2, weights=row_weight))
        if error < best - 1e-12:
            best, chosen = error, weights
    return chosen


def _grid(m: int, steps: int) -> list[Floats]:
    """All weights (m,) that are multiples of 1/steps and sum to 1."""
    if m == 1:
        return [np.array([1.0])]
    found = []
    for first in range(steps + 1):
        rest = steps - first
        if m == 2:
            found.append(np.array([first, rest]) / steps)
        elif rest == 0:
            found.append(np.array([first, *[0] * (m - 1)]) / steps)
        else:
            found += [np.concatenate([[first / steps], tail * rest / steps]) for tail in _grid(m - 1, rest)]
    return found


def _standard(values: Floats, group: NDArray[np.int64]) -> Floats:
    """Values with each group's mean 0 and deviation 1 (0 where constant)."""
    size = np.bincount(group)
    mean = np.bincount(group, values) / size
    deviation = np.sqrt(np.maximum(np.bincount(group, (values - mean[group]) ** 2) / size, 1e-12))
    return np.asarray((values - mean[group]) / deviation[group])
