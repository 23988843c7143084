"""What a few networks trained on the target say of all others: a Gaussian process over a predictor's errors there.

The train-free prediction is the prior mean. Errors of one task share an offset, a slope (networks spread more or less
than expected) and, between like networks, a part that fades with the distance of their features; how much of each, the
errors on datasets left out have taught.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit, slope, to_logit
from presage.surrogate.predictors.gp import (
    distances,
    matern_32,
    most_probable,
    with_noise,
)
from presage.surrogate.predictors.prediction import Estimate

__all__ = ["Observations", "ResidualProcess"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

PRIOR = (0.05, 0.04, 0.6, 1.0, 0.5)
"""Before data speak: variance of the offset, of the likeness of networks and of noise, each over the square of the
standard error (first, third, fourth); of the slope (second); length of likeness in median distances (fifth)."""
BEYOND = 0.8
"""Variance of the offset over the square of the standard error that lies beyond experience: of a recipe not seen, it is
all networks' alike."""
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
        std_error: (k,) of these, in logits, within experience.
        beyond: (k,) what comes on top beyond experience.
        error: (k,) trained less predicted logits, within ±`MOST_ERROR` standard errors.
    """

    features: Singles
    logit: Floats
    std_error: Floats
    beyond: Floats
    error: Floats

    def __len__(self) -> int:
        return len(self.error)

    def take(self, rows: NDArray[np.int64]) -> Observations:
        """Some of the networks."""
        logit, std_error, beyond, error = (
            column[rows] for column in (self.logit, self.std_error, self.beyond, self.error)
        )
        return Observations(self.features[rows], logit, std_error, beyond, error)


@dataclass(eq=False)
class ResidualProcess:
    """Error of network a, in logits: e(a) = offset + slope·(z(a) − z̄) + g(a) + noise, with z the predicted logit.

    Offset, g and noise are as large as the predictor's standard error s(a) there, and the offset as what lies beyond
    experience besides; g has a Matérn kernel (ν = 3/2) over graph features and costs (Rasmussen & Williams 2006,
    chapter 2).
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
            observations = self.observations(features[some], estimate.take(some), experience.accuracy[some])
            parts.append((observations, distances(observations.features, observations.features)))
        self.length_ = max(float(np.median(np.concatenate([apart.ravel() for _, apart in parts]))), 1e-3)
        prior, sizes = np.log(PRIOR), np.array([len(observations) for observations, _ in parts])
        alike = [np.flatnonzero(sizes == size) for size in np.unique(sizes)]
        stacks = [(some, _Stack.of([parts[at] for at in some.tolist()])) for some in alike]
        likelihood = np.empty(len(parts))

        def cost(logs: Floats) -> float:
            """Negative log of tempered likelihood times prior."""
            total = CONFIDENCE / 2 * float(((logs - prior) ** 2).sum())
            for some, stack in stacks:
                likelihood[some] = stack.negative_log_likelihood(logs, self.length_)
            for one in likelihood.tolist():  # task by task: a sum in another order ends in other digits
                total += TEMPER * one
            return total

        self.logs_ = most_probable(cost, prior, 12)
        return self

    def observations(self, features: Singles, estimate: Estimate, accuracy: Floats) -> Observations:
        """Networks (k, f) of one task with what was predicted and trained of them."""
        logit, std_error, beyond = self._logits(estimate)
        whole = np.hypot(std_error, beyond)
        error = np.clip((to_logit(accuracy) - logit) / whole, -MOST_ERROR, MOST_ERROR) * whole
        return Observations(self.standard(features), logit, std_error, beyond, error)

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
        logit, std_error, beyond = self._logits(estimate)
        here = Observations(features, logit, std_error, beyond, np.zeros(len(logit)))
        centre = float(observations.logit.mean())
        apart = distances(observations.features, observations.features)
        gram = self._covariance(self.logs_, observations, observations, apart, centre)
        gram = with_noise(gram, np.exp(self.logs_[3]) * observations.std_error**2 + 1e-9)
        cross = self._covariance(self.logs_, here, observations, distances(features, observations.features), centre)
        solved = np.linalg.solve(gram, np.concatenate([observations.error[:, None], cross.T], axis=1))
        offset, slope_, like, noise = np.exp(self.logs_[:4])
        before = std_error**2 * (offset + like + noise) + BEYOND * beyond**2 + slope_ * (logit - centre) ** 2
        after = np.maximum(before - (cross * solved[:, 1:].T).sum(axis=1), 0.01 * before)
        value = from_logit(logit + cross @ solved[:, 0])
        return Estimate(value, np.hypot(std_error, beyond) * np.sqrt(after / before) * slope(value))

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
        shared += BEYOND * np.outer(left.beyond, right.beyond)
        return np.asarray(shared + slope_ * np.outer(left.logit - centre, right.logit - centre))

    def _logits(self, estimate: Estimate) -> tuple[Floats, Floats, Floats]:
        """(n,) logits, standard errors within experience and beyond it."""
        per = slope(estimate.value)
        beyond = np.zeros(len(per)) if estimate.beyond is None else estimate.beyond / per
        return to_logit(estimate.value), np.maximum(estimate.std_error / per, 1e-3), beyond


@dataclass(frozen=True, eq=False)
class _Stack:
    """t tasks of r observed networks each, whose likelihoods are computed together: thousands of tasks of a few
    networks, one by one, take ten times as long. What does not depend on hyper-parameters is computed once.

    Attributes:
        apart: (t, r, r) distances of networks.
        noise: (t, r) squared standard errors.
        shared: (t, r, r) products of standard errors.
        beyond: (t, r, r) products of what lies beyond experience, times `BEYOND`.
        tilted: (t, r, r) products of logits less their mean.
        error: (t, r) of the networks.
    """

    apart: Floats
    noise: Floats
    shared: Floats
    beyond: Floats
    tilted: Floats
    error: Floats

    @classmethod
    def of(cls, parts: Sequence[tuple[Observations, Singles]]) -> _Stack:
        """The stack of observations of one size, each with the distances (r, r) of its networks."""
        own = np.stack([one.std_error for one, _ in parts])
        logit = np.stack([one.logit - one.logit.mean() for one, _ in parts])
        beyond = BEYOND * _products(np.stack([one.beyond for one, _ in parts]))
        apart = np.stack([apart for _, apart in parts]).astype(np.float64)
        return cls(apart, own**2, _products(own), beyond, _products(logit), np.stack([one.error for one, _ in parts]))

    def negative_log_likelihood(self, logs: Floats, unit: float) -> Floats:
        """(t,) of each task; the covariances are those of `ResidualProcess._covariance` with noise.

        Args:
            logs: (5,) hyper-parameters.
            unit: distance that their length is in.
        """
        offset, slope_, like, noise, length = np.exp(logs)
        gram = matern_32(self.apart, length * unit, like)
        gram += offset
        gram *= self.shared
        gram += self.beyond
        gram += slope_ * self.tilted
        at = np.arange(gram.shape[1])
        gram[:, at, at] += noise * self.noise + 1e-9
        root = np.linalg.cholesky(gram)
        whitened = np.linalg.solve(root, self.error[:, :, None])
        squares = (whitened.transpose(0, 2, 1) @ whitened)[:, 0, 0]
        return np.asarray(0.5 * squares + np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1))


def _products(values: Floats) -> Floats:
    """(t, r, r) products of all pairs of values (t, r)."""
    return np.asarray(values[:, :, None] * values[:, None, :])
