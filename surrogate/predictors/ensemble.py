"""`Ensemble`: several predictors, averaged with weights that left-out datasets chose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from presage.blas import one_blas_thread
from presage.errors import InvalidArgument
from presage.surrogate.data.encoding import Inputs
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit, slope, to_logit
from presage.surrogate.predictors.fitting import fit_all
from presage.surrogate.predictors.prediction import Estimate
from presage.surrogate.predictors.predictor import Predictor, StepCallback, dataset_folds
from presage.surrogate.predictors.registry import get_predictor
from presage.surrogate.predictors.relative_predictor import RelativePredictor
from presage.surrogate.predictors.state import State

__all__ = ["Ensemble"]

Floats = NDArray[np.float64]


@dataclass(eq=False)
class Ensemble(Predictor):
    """Weighted mean, on the logit scale, of the estimates of its members.

    The weights are at least 0 and sum to 1; among a grid, those with the least squared error of standardised logits
    within the datasets that members had not seen. With one dataset all weigh the same. The estimates that calibrate
    intervals are weighed by datasets of other folds than their own.

    Args:
        members: names of predictors, separated by commas; their other settings are their defaults.
    """

    name: ClassVar[str] = "ensemble"
    members: str = "boosted-trees,kernel-ridge,tap-lstm"
    level: float = 0.9
    folds: int = 5
    seed: int = 0

    @one_blas_thread()
    def fit(
        self,
        experience: Experience,
        fitted: Mapping[str, Predictor] | None = None,
        *,
        progress: StepCallback | None = None,
    ) -> Self:
        """Fits the members, weighs them and calibrates their mean.

        Args:
            experience: what to learn from.
            fitted: members that are already fitted to this experience, with this one's folds, by name.
            progress: called with (finished steps, all steps).
        """
        names = self.members.split(",")
        if len(set(names)) != len(names):
            raise InvalidArgument("members", "Ensemble", "name each predictor once", self.members)
        given = fitted or {}
        self.fitted_ = [given.get(name) or self._member(name) for name in names]
        fit_all([member for member in self.fitted_ if member.name not in given], experience, progress)
        self._share()
        left_out = [member.left_out_ for member in self.fitted_]
        everywhere = np.ones(len(experience), bool)
        self.weights_ = _best_weights(left_out, experience, everywhere)
        weights = np.repeat(self.weights_[:, None], len(experience), axis=1)
        for out in dataset_folds(experience, self.folds):
            fold = np.isin(experience.group, out)
            weights[:, fold] = _best_weights(left_out, experience, ~fold)[:, None]
        self.left_out_ = _mean(left_out, weights)
        self._calibrate(experience)
        return self

    def fit_steps(self, experience: Experience) -> int:
        """Steps that `fit` reports: those of its members."""
        return sum(self._member(name).fit_steps(experience) for name in self.members.split(","))

    def could_use(self, member: Predictor) -> bool:
        """Whether a fitted predictor is what this ensemble would fit itself."""
        return member.name in self.members.split(",") and member.settings() == self._member(member.name).settings()

    def _member(self, name: str) -> Predictor:
        return get_predictor(name, level=self.level, folds=self.folds, seed=self.seed)

    def _learn(self, experience: Experience) -> None:
        self.fit(experience)

    def _estimate(self, inputs: Inputs) -> Estimate:
        estimates = [member._estimate(inputs) for member in self.fitted_]
        return _mean(estimates, np.repeat(self.weights_[:, None], len(inputs), axis=1))

    def _share(self) -> None:
        """Gives all members one `BeyondExperience`: theirs are equal, and would each ask for the same twins."""
        members = [member for member in self.fitted_ if isinstance(member, RelativePredictor)]
        for member in members[1:]:
            member.beyond_ = members[0].beyond_

    def _store(self, state: State) -> None:
        state.arrays["weights"] = self.weights_
        for member in self.fitted_:
            state.put_part(member.name, member.state())

    def _restore(self, state: State) -> None:
        self.weights_ = state.arrays["weights"]
        self.fitted_ = [self._member(name).restore(state.part(name)) for name in self.members.split(",")]
        self._share()


def _mean(estimates: list[Estimate], weights: Floats) -> Estimate:
    """Mean in logits by weights (m, n); members that disagree add to the standard error."""
    z = np.stack([to_logit(estimate.value) for estimate in estimates])
    mean = (weights * z).sum(axis=0)
    value = from_logit(mean)
    own = (weights * np.stack([estimate.std_error for estimate in estimates])).sum(axis=0)
    disagreement = np.sqrt((weights * (z - mean) ** 2).sum(axis=0)) * slope(value)
    beyond, distance = (_mean_of([getattr(one, name) for one in estimates], weights) for name in ("beyond", "distance"))
    return Estimate(value, np.hypot(own, disagreement), beyond, distance)


def _mean_of(parts: list[Floats | None], weights: Floats) -> Floats | None:
    known = [part for part in parts if part is not None]
    return np.asarray((weights * np.stack(known)).sum(axis=0)) if len(known) == len(parts) else None


def _best_weights(estimates: list[Estimate], experience: Experience, rows: NDArray[np.bool_]) -> Floats:
    """Among weights in tenths, those whose mean has the least squared error of relative accuracies.

    Only `rows` (n,) count, which are whole datasets; each was left out when it was estimated.
    """
    m = len(estimates)
    best, chosen = np.inf, np.full(m, 1.0 / m)
    group = np.unique(experience.group[rows], return_inverse=True)[1]
    if m == 1 or len(experience.fingerprints) < 2 or not len(group):
        return chosen
    truth = _standard(to_logit(experience.accuracy[rows]), group)
    z = np.stack([to_logit(estimate.value[rows]) for estimate in estimates])
    size = np.bincount(group)
    row_weight = 1.0 / size[group]
    for weights in _grid(m, 10):
        relative = _standard(weights @ z, group)
        error = float(np.average((truth - relative) ** 2, weights=row_weight))
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
