"""What a few networks trained on the target say of all others: a Gaussian process over a predictor's errors there.

The train-free prediction is the prior mean. Errors of one task share an offset, a slope (networks spread more or less
than expected) and, between like networks, a part that fades with the distance of their features; how much of each, the
errors on datasets left out have taught.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit, slope, to_logit
from presage.surrogate.predictors.gp import (
    distances,
    matern_32,
    most_probable,
    negative_log_likelihood,
    with_noise,
)
from presage.surrogate.predictors.prediction import Estimate

__all__ = ["Observations", "ResidualProcess"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

PRIOR = (0.2, 0.08, 0.6, 1.0, 1.0)
"""Before data speak: variance of the offset, of the likeness of networks and of noise, each over the square of the
standard error (first, third, fourth); of the slope (second); length of likeness in median distances (fifth)."""
CONFIDENCE = 30.0
"""Precision of the logarithms of these."""
TEMPER = 0.1
"""Power of the likelihood: errors are neither normal nor drawn from this very process."""
MOST_ERROR = 2.0
"""In standard errors; a network farther off counts as this far: one failed training must not condemn all like it."""
MOST_ROWS = 40
"""Of a dataset that hyper-parameters are learned from."""


@dataclass(frozen=True, eq=False)
class Observations:
    """k networks trained on one task, as a predictor saw them before.

    Attributes:
        features: (k, f) standardised.
        logit: (k,) predicted.
        std_error: (k,) of these, in logits.
        error: (k,) trained less predicted logits, within ±`MOST_ERROR` standard errors.
    """

    features: Singles
    logit: Floats
    std_error: Floats
    error: Floats

    def __len__(self) -> int:
        return len(self.error)

    def take(self, rows: NDArray[np.int64]) -> Observations:
        """Some of the networks."""
        return Observations(self.features[rows], self.logit[rows], self.std_error[rows], self.error[rows])


@dataclass(eq=False)
class ResidualProcess:
    """Error of network a, in logits: e(a) = offset + slope·(z(a) − z̄) + g(a) + noise, with z the predicted logit.

    Offset, g and noise are as large as the predictor's standard error s(a) there; g has a Matérn kernel (ν = 3/2) over
    graph features and costs (Rasmussen & Williams 2006, chapter 2).
    """

    def fit(self, estimate: Estimate, experience: Experience) -> ResidualProcess:
        """Learns from estimates (n,) made for rows whose dataset was left out: maximum of posterior density."""
        features = experience.features
        self.centre_ = features.mean(axis=0, dtype=np.float64)
        deviation = features.std(axis=0, dtype=np.float64)
        self.deviation_ = np.where(deviation > 1e-6, deviation, np.inf)
        self.length_ = 1.0
        parts = []
        for _, rows in experience.rows_by_task():
            some = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(int)]
            seen = Estimate(estimate.value[some], estimate.std_error[some])
            observations = self.observations(features[some], seen, experience.accuracy[some])
            parts.append((observations, distances(observations.features, observations.features)))
        self.length_ = max(float(np.median(np.concatenate([apart.ravel() for _, apart in parts]))), 1e-3)
        prior = np.log(PRIOR)

        def cost(logs: Floats) -> float:
            """Negative log of tempered likelihood times prior."""
            total = CONFIDENCE / 2 * float(((logs - prior) ** 2).sum())
            for observations, apart in parts:
                own, centre = observations.std_error, observations.logit.mean()
                gram = self._covariance(logs, observations, observations, apart, centre)
                noisy = with_noise(gram, np.exp(logs[3]) * own**2 + 1e-9)
                total += TEMPER * negative_log_likelihood(noisy, observations.error)
            return total

        self.logs_ = most_probable(cost, prior, 12)
        return self

    def observations(self, features: Singles, estimate: Estimate, accuracy: Floats) -> Observations:
        """Networks (k, f) of one task with what was predicted and trained of them."""
        logit, std_error = self._logits(estimate)
        error = np.clip((to_logit(accuracy) - logit) / std_error, -MOST_ERROR, MOST_ERROR) * std_error
        return Observations(self.standard(features), logit, std_error, error)

    def standard(self, features: Singles) -> Singles:
        """(n, f) features in deviations, within ±4."""
        return np.asarray(np.clip((features - self.centre_) / self.deviation_, -4.0, 4.0), np.float32)

    def posterior(self, observations: Observations, features: Singles, estimate: Estimate) -> Estimate:
        """The estimates of n networks, given k trained ones of the same task.

        Args:
            observations: of the k networks; with none, `estimate` is returned.
            features: (n, f) standardised.
            estimate: (n,) the train-free one.
        """
        if not len(observations):
            return estimate
        logit, std_error = self._logits(estimate)
        here = Observations(features, logit, std_error, np.zeros(len(logit)))
        centre = float(observations.logit.mean())
        apart = distances(observations.features, observations.features)
        gram = self._covariance(self.logs_, observations, observations, apart, centre)
        gram = with_noise(gram, np.exp(self.logs_[3]) * observations.std_error**2 + 1e-9)
        cross = self._covariance(self.logs_, here, observations, distances(features, observations.features), centre)
        solved = np.linalg.solve(gram, np.concatenate([observations.error[:, None], cross.T], axis=1))
        offset, slope_, like, noise = np.exp(self.logs_[:4])
        before = std_error**2 * (offset + like + noise) + slope_ * (logit - centre) ** 2
        after = np.maximum(before - (cross * solved[:, 1:].T).sum(axis=1), 0.01 * before)
        value = from_logit(logit + cross @ solved[:, 0])
        return Estimate(value, std_error * np.sqrt(after / before) * slope(value))

    def left_out(self, observations: Observations) -> Floats:
        """(k,) logits of observed networks, each given all others (Rasmussen & Williams 2006, eq. 5.12)."""
        apart = distances(observations.features, observations.features)
        gram = self._covariance(self.logs_, observations, observations, apart, float(observations.logit.mean()))
        inverse = np.linalg.inv(with_noise(gram, np.exp(self.logs_[3]) * observations.std_error**2 + 1e-9))
        rest = inverse @ observations.error / np.diag(inverse)
        return np.asarray(observations.logit + observations.error - rest)

    def _covariance(
        self, logs: Floats, left: Observations, right: Observations, apart: Singles, centre: float
    ) -> Floats:
        """(n, k) prior covariances of errors, noise aside."""
        offset, slope_, like, _, length = np.exp(logs)
        near = matern_32(apart.astype(np.float64), length * self.length_, like)
        shared = np.outer(left.std_error, right.std_error) * (offset + near)
        return np.asarray(shared + slope_ * np.outer(left.logit - centre, right.logit - centre))

    def _logits(self, estimate: Estimate) -> tuple[Floats, Floats]:
        beyond = 0.0 if estimate.beyond is None else estimate.beyond
        std_error = np.hypot(estimate.std_error, beyond) / slope(estimate.value)
        return to_logit(estimate.value), np.maximum(std_error, 1e-3)
