"""`TargetEvidence`: k networks trained on the target, weighed against what was believed of it before any was trained.

Two answers are at hand. The train-free prediction, corrected by its errors on the k networks (`ResidualProcess`), is
the better one while few are known and the prediction is sound; what the k networks say by themselves (`WithinSpace`,
which believes the prediction as far as they bear it out) is better where it is not. Which one, the k networks tell:
each is predicted from all others, in both ways.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.logit import from_logit, slope, to_logit
from presage.surrogate.predictors.prediction import Estimate, Prediction
from presage.surrogate.predictors.residual_process import Observations, ResidualProcess
from presage.surrogate.predictors.within_space import LEAST_FOR_TREES, NormalScores, WithinSpace

__all__ = ["LEAST_EVIDENCE", "TargetEvidence"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

LEAST_EVIDENCE = 5
"""Networks from which on they are asked by themselves."""
LEAST_FOR_SHAPE = 40
"""Different accuracies that tell how a target's are distributed; of fewer, only mean and spread are taken."""
SHARES = np.linspace(0.0, 1.0, 11)
"""Parts that the corrected prediction may have in the answer."""
USUAL_SPREAD = 5.0
"""Networks' worth of belief that the target's logits spread as they were predicted to."""
PROVEN = 20.0
"""Log odds of the corrected prediction against the networks by themselves, before these speak, where it does not reach
beyond experience: there it was measured, and is the better one up to some 50 networks (with 4, five networks made
errors larger than none). Nothing is left of it at a distance of 1, or of less where more than `FEW` are known, and the
odds turn against it with their number."""
FEW = 10
"""Networks up to which it takes a whole unit of distance for that; twice as many take half of it: cells of
NAS-Bench-201 after 12 epochs, .4 beyond experience, rank at .59 and .70 with 20 and 50 told by the whole of it, at .62
and .72 without. Of `HANDS_OVER` and more a unit of distance is as much evidence against it (docs/tried.md)."""
FOLDS = 5
"""Parts of the networks that are left out in turn, where trees may start from the prediction or not."""
HANDS_OVER = 50.0
"""Networks at which errors among themselves say as much of an interval's width as those on known datasets do; and from
which on what was predicted beyond experience has all of its doubt against it."""


@dataclass(eq=False)
class TargetEvidence:
    """What k ≥ `LEAST_EVIDENCE` networks of the target make of its predictions.

    Attributes:
        share_: of the corrected prediction in the answer; the rest is `regression_`'s.
        quantile_: of the errors made on each of the k networks given the others, in logits.
    """

    def fit(
        self,
        features: Singles,
        accuracy: Floats,
        process: ResidualProcess,
        observed: Observations,
        level: float,
        distance: float = 0.0,
    ) -> TargetEvidence:
        """Learns from k networks of the target.

        Args:
            features: (k, f) of them, as they are.
            accuracy: (k,) trained.
            process: corrects predictions.
            observed: (k,) what was predicted and trained, as `process` sees it.
            level: share of networks that intervals should hold.
            distance: how far predictions of them reach beyond experience.
        """
        truth, k = to_logit(accuracy), len(accuracy)
        sound = max(1.0 - distance * max(k / FEW, 1.0), 0.0)
        start, judged = 1.0, None
        if sound < 1.0 and k >= LEAST_FOR_TREES:
            start, judged = _borne_out(features, accuracy, observed.logit)
        self.regression_ = WithinSpace().learn(features, accuracy, observed.logit, start=start)
        before = float(observed.logit.var())
        self.mean_ = float(truth.mean())
        self.spread_ = float(np.sqrt((k * truth.var() + USUAL_SPREAD * before) / (k + USUAL_SPREAD)))
        corrected = process.left_out(observed)
        own = self._logits(self.regression_.left_out(observed.logit) if judged is None else judged)
        score = self.regression_.scores_
        wanted, first, second = score(accuracy), score(from_logit(corrected)), score(from_logit(own))
        errors = np.array([np.mean((wanted - share * first - (1 - share) * second) ** 2) for share in SHARES])
        errors = np.maximum(errors, 1e-9)
        proven = PROVEN * (sound - min(distance, 1.0) * min(k / HANDS_OVER, 1.0) ** 2)
        logs = proven * SHARES - 0.5 * k * np.log(errors)
        evidence = np.exp(logs - logs.max())
        self.share_ = float(SHARES @ evidence / evidence.sum())
        missed = np.sort(np.abs(truth - self.share_ * corrected - (1 - self.share_) * own))
        self.quantile_ = float(missed[min(int(np.ceil((k + 1) * level)), k) - 1])
        self.weight_ = k / (k + HANDS_OVER)
        self.k_ = k
        return self

    def _logits(self, score: Floats) -> Floats:
        """Logits of normal scores: by the accuracies that were seen, or where these are few by their spread alone."""
        if len(self.regression_.scores_.values_) >= LEAST_FOR_SHAPE:
            return to_logit(np.clip(self.regression_.scores_.back(score), 0.0, 1.0))
        return np.asarray(self.mean_ + self.spread_ * score)

    def apply(self, corrected: Estimate, prior: Floats, features: Singles) -> Estimate:
        """The estimates of n networks.

        Args:
            corrected: (n,) predictions, corrected.
            prior: (n,) logits of the train-free prediction.
            features: (n, f).
        """
        score, deviation = self.regression_.latent(features, prior)
        own, first = self._logits(score), to_logit(corrected.value)
        logit = self.share_ * first + (1 - self.share_) * own
        value = from_logit(logit)
        spread = (
            self.share_ * corrected.std_error / np.maximum(slope(corrected.value), 1e-6)
            + (1 - self.share_) * deviation * self.spread_
        )
        return Estimate(value, spread * slope(value), None, corrected.distance)

    def narrowed(self, said: Prediction) -> Prediction:
        """Intervals of n predictions, their width also that of the errors among the k networks."""
        half = np.maximum(0.5 * (said.upper - said.lower), 1e-6)
        own = np.maximum(self.quantile_ * slope(said.value), 1e-6)
        half = np.exp((1 - self.weight_) * np.log(half) + self.weight_ * np.log(own))
        lower, upper = np.clip(said.value - half, 0.0, 1.0), np.clip(said.value + half, 0.0, 1.0)
        return Prediction(said.value, lower, upper, said.level, said.distance)


def _borne_out(features: Singles, accuracy: Floats, prior: Floats) -> tuple[float, Floats]:
    """From how much of what is believed of k networks trees had better start, and (k,) normal scores of each network by
    models that start so and are learned from four fifths of the others: cross-validation says it, both ways.
    """
    score, fold = NormalScores().fit(accuracy), np.random.default_rng(0).permutation(len(accuracy)) % FOLDS
    found = np.empty((2, len(accuracy)))
    for out in range(FOLDS):
        asked, known = fold == out, fold != out
        for start in (0, 1):
            model = WithinSpace().learn(features[known], accuracy[known], prior[known], start=float(start))
            found[start, asked] = score(model.scores_.back(model.latent(features[asked], prior[asked])[0]))
    errors = np.maximum(np.mean((found - score(accuracy)) ** 2, axis=1), 1e-9)
    believed = float(1.0 / (1.0 + (errors[1] / errors[0]) ** (0.5 * len(accuracy))))
    return believed, (1.0 - believed) * found[0] + believed * found[1]
