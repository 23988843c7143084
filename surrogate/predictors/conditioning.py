"""Conditioning: a fitted predictor, once k networks have been trained on the target. k = 0 changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from presage.errors import InvalidArgument
from presage.surrogate.data.encoding import Inputs, check_finite, feature_names
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import to_logit
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.conformal import ConformalIntervals
from presage.surrogate.predictors.prediction import Estimate, Prediction
from presage.surrogate.predictors.residual_process import Observations, ResidualProcess
from presage.surrogate.predictors.state import State
from presage.surrogate.predictors.target_evidence import LEAST_EVIDENCE, TargetEvidence

if TYPE_CHECKING:
    from presage.architecture.batch.graph_batch import GraphBatch

__all__ = ["SHOTS", "ConditionedPredictor", "Conditioner", "InformedPredictor", "condition"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHOTS = (2, 5, 20, 50)
"""Numbers of trained networks for which intervals are calibrated; in between, the logarithm of their width is linear in
that of k + 1."""
DRAWS = 2
"""Random choices of the k networks of each dataset, for calibration."""
LEAST_LEFT = 10
"""Networks of a dataset that must remain to be predicted, for it to calibrate the intervals of k."""


@dataclass(eq=False)
class Conditioner:
    """What a predictor has to know to take trained networks of the target into account.

    Args:
        level: share of networks that intervals should hold.
        seed: of the random choices in calibration.
    """

    level: float = 0.9
    seed: int = 0

    def fit(self, estimate: Estimate, experience: Experience, train_free: ConformalIntervals) -> Conditioner:
        """Learns from estimates (n,) made for rows whose dataset was left out.

        Args:
            estimate: (n,) those estimates.
            experience: the n rows.
            train_free: the intervals of k = 0.
        """
        self.process_ = ResidualProcess().fit(estimate, experience)
        self.intervals_ = [train_free]
        rng = np.random.default_rng([self.seed, 11])
        standard = self.process_.standard(experience.features)
        for k in SHOTS:
            value, std_error, rows = [], [], []
            for _, own in experience.rows_by_task():
                if len(own) < k + LEAST_LEFT:
                    continue
                for _ in range(DRAWS):
                    order = rng.permutation(own)
                    trained, rest = order[:k], np.sort(order[k:])
                    seen, unseen = (estimate.take(some) for some in (trained, rest))
                    observations = self.process_.observations(
                        experience.features[trained], seen, experience.accuracy[trained]
                    )
                    after = self.process_.posterior(observations, standard[rest], unseen)
                    value.append(after.value)
                    std_error.append(after.std_error)
                    rows.append(rest)
            calibrated = ConformalIntervals(self.level)
            if rows:
                chosen = np.concatenate(rows)
                found = Estimate(np.concatenate(value), np.concatenate(std_error))
                calibrated.fit(found, experience.accuracy[chosen], experience.group[chosen])
            # with too few datasets that large, more networks are no reason for wider intervals
            fit = rows and (np.isfinite(calibrated.quantile_) or np.isinf(train_free.quantile_))
            self.intervals_.append(calibrated if fit else self.intervals_[-1])
        return self

    def interval(self, estimate: Estimate, k: int) -> Prediction:
        """Calibrated intervals of estimates (n,) that k trained networks informed."""
        at = np.interp(np.log1p(k), np.log1p([0, *SHOTS]), np.arange(len(SHOTS) + 1.0))
        below = int(at)
        some = self.intervals_[below : below + 2]
        half = some[0].half(estimate)
        if at > below:
            half = np.exp((1 - (at - below)) * np.log(half) + (at - below) * np.log(some[1].half(estimate)))
        lower, upper = np.clip(estimate.value - half, 0.0, 1.0), np.clip(estimate.value + half, 0.0, 1.0)
        return Prediction(estimate.value, lower, upper, self.level, estimate.distance)

    def store(self, state: State) -> None:
        """Puts everything learned into `state`."""
        state.put("residuals", self.process_)
        for number, intervals in enumerate(self.intervals_):
            state.put(f"interval_{number}", intervals)

    @classmethod
    def restored(cls, state: State, level: float, seed: int) -> Conditioner:
        """The reverse of `store`."""
        made = cls(level, seed)
        made.process_ = state.get("residuals", ResidualProcess)
        made.intervals_ = [state.get(f"interval_{number}", ConformalIntervals) for number in range(len(SHOTS) + 1)]
        return made


class Conditionable(Protocol):
    """What conditioning needs of a fitted predictor."""

    conditioner_: Conditioner

    @property
    def name(self) -> str:
        """Of its kind."""

    @property
    def level(self) -> float:
        """Share of networks that intervals should hold."""

    def interval_of(self, inputs: Inputs) -> Prediction:
        """Train-free predictions of n architectures."""

    def _estimate(self, inputs: Inputs) -> Estimate:
        """The same before calibration."""


@dataclass(eq=False)
class ConditionedPredictor:
    """A fitted predictor that knows k trained networks of one task; of other tasks it says what it always did.

    Made by `Predictor.condition_on`. What was trained may be in the experience that the predictor was fitted to: told
    again it improves predictions as much, and intervals hold about as much as they should (docs/tried.md). Calibration
    supposes that the networks were chosen at random; after a search, where they are the best of many, the intervals are
    what was measured for random ones.
    """

    predictor: Conditionable
    task: Task
    observations: Observations
    evidence: TargetEvidence | None = None

    @property
    def name(self) -> str:
        """Of the predictor."""
        return self.predictor.name

    @property
    def level(self) -> float:
        """Share of networks that intervals should hold."""
        return self.predictor.level

    def predict(self, graphs: GraphBatch, task: Task) -> Prediction:
        """Predicted accuracies and intervals of n architectures on a task."""
        return self.interval_of(Inputs(graphs, task))

    def interval_of(self, inputs: Inputs) -> Prediction:
        """`predict` for inputs that may be encoded already."""
        if not len(self.observations) or inputs.task.key != self.task.key:
            return self.predictor.interval_of(inputs)
        conditioner = self.predictor.conditioner_
        standard = conditioner.process_.standard(inputs.features)
        before = self.predictor._estimate(inputs)
        estimate = conditioner.process_.posterior(self.observations, standard, before)
        estimate = replace(estimate, distance=before.distance)
        if self.evidence is None:
            return conditioner.interval(estimate, len(self.observations))
        estimate = self.evidence.apply(estimate, to_logit(before.value), inputs.features)
        return self.evidence.narrowed(conditioner.interval(estimate, len(self.observations)))


InformedPredictor = ConditionedPredictor
"""The old name of `ConditionedPredictor`, for one release."""


def condition(predictor: Conditionable, graphs: GraphBatch, accuracy: ArrayLike, task: Task) -> ConditionedPredictor:
    """`Predictor.condition_on`.

    Raises:
        InvalidArgument: accuracies that are not in [0, 1], or not one for each network.
    """
    trained = np.asarray(accuracy, np.float64)
    if trained.shape != (len(graphs),):
        raise InvalidArgument(
            "accuracy", "Predictor.condition_on", f"hold one number per network ({len(graphs)})", trained.shape
        )
    if not ((trained >= 0) & (trained <= 1)).all():  # also finds NaN
        bad = int(np.flatnonzero(~((trained >= 0) & (trained <= 1)))[0])
        raise InvalidArgument(
            "accuracy", "Predictor.condition_on", "lie in [0, 1]", f"{trained[bad]} for network {bad}"
        )
    inputs = Inputs(graphs, task)
    check_finite(inputs.features, feature_names(), "Predictor.condition_on")
    process = predictor.conditioner_.process_
    before = predictor._estimate(inputs)
    observed = process.observations(inputs.features, before, trained)
    evidence = None
    if len(trained) >= LEAST_EVIDENCE:
        distance = 0.0 if before.distance is None else float(before.distance.mean())
        evidence = TargetEvidence().fit(inputs.features, trained, process, observed, predictor.level, distance)
    return ConditionedPredictor(predictor, task, observed, evidence)
