"""A Gaussian process that is asked what to try next: fitted in milliseconds, aware of what was just picked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.special import ndtri

from presage.surrogate.predictors.gp import distances, matern_52, with_noise

__all__ = ["PosteriorOutlook", "Posterior", "evened"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
LENGTHS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
"""Length scales tried, in units of the features."""
NOISES = (0.001, 0.01, 0.03, 0.1, 0.3)
"""Variances of the noise tried, in those of the function."""
SETTLED_BY = 128
"""Most points that length scale and noise are chosen by."""


def evened(values: Floats) -> Floats:
    """(m, k) each column on a scale on which a Gaussian process does well: mean 0, deviation 1, order kept.

    Half normal scores of the ranks, half the values themselves without their low tail (held two robust deviations
    below the median): networks that fail to learn would else decide what is learned, and ranks alone do not say by how
    much the best leads.
    """
    return np.stack([_evened(column) for column in values.T], axis=1)


def _evened(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    if len(count) == 1:
        return np.zeros(len(values))
    scores = ndtri((np.cumsum(count) - 0.5 * count) / len(values))[place]
    middle = np.median(values)
    robust = 1.5 * np.median(np.abs(values - middle))
    held = np.maximum(values, middle - 2 * robust) if robust > 0 else values
    mixed = scores / scores.std() + (held - held.mean()) / held.std()
    return np.asarray((mixed - mixed.mean()) / mixed.std())


@dataclass(frozen=True, eq=False)
class Posterior:
    """Matérn kernel (ν = 5/2; Rasmussen & Williams 2006, eq. 4.17) over features; k objectives share it.

    Length scale and noise are those of the largest marginal likelihood (eq. 5.8) on a grid, the objectives taken
    together; the variance of each is its maximum in closed form.

    Attributes:
        points: (m, f) what is known.
        length, noise: of the kernel; the noise in units of `variance`.
        variance: (k,) of each objective.
        root: (m, m) lower Cholesky factor of kernel and noise.
        dual: (m, k) weights of the points.
    """

    points: Singles
    length: float
    noise: float
    variance: Floats
    root: Floats
    dual: Floats

    @classmethod
    def of(cls, points: Singles, values: Floats) -> Posterior:
        """Learn from points (m, f) and `evened` values (m, k); m ≥ 1."""
        some = np.unique(np.linspace(0, len(points) - 1, min(len(points), SETTLED_BY)).astype(int))
        distance = distances(points[some], points[some]).astype(np.float64)
        best, length, noise = np.inf, 1.0, 0.01
        for tried in LENGTHS:
            gram = matern_52(distance, tried)
            for added in NOISES:
                loss = _loss(gram, added, values[some]) + np.log(tried) ** 2
                if loss < best:
                    best, length, noise = loss, tried, added
        gram = with_noise(matern_52(distances(points, points).astype(np.float64), length), noise)
        root: Floats = np.asarray(np.linalg.cholesky(gram), np.float64)
        dual = cho_solve((root, True), values)
        variance = (np.sum(values * dual, axis=0) + 1.0) / (len(points) + 1)
        return cls(points, length, noise, variance, root, dual)

    def smoothed(self, values: Floats) -> Floats:
        """(m, k) the mean at the points, of the values (m, k) learned from: K α, which is y − σ² α."""
        found: Floats = values - self.noise * self.dual
        return found

    def outlook(self, candidates: Singles) -> PosteriorOutlook:
        """What is expected of candidates (c, f)."""
        return PosteriorOutlook(self, candidates)


class PosteriorOutlook:
    """Mean and deviation of c candidates, the deviation shrinking around those that are taken.

    Attributes:
        mean: (c, k).
        share: (c,) what is left of the variance, in [0, 1].
    """

    def __init__(self, posterior: Posterior, candidates: Singles) -> None:
        self._posterior, self._candidates = posterior, candidates
        near = matern_52(distances(posterior.points, candidates), posterior.length)
        self.mean: Floats = near.T.astype(np.float64) @ posterior.dual
        self._known = solve_triangular(posterior.root.astype(np.float32), near, lower=True)
        self._taken: list[Singles] = []
        self.share: Floats = np.maximum(1.0 - np.square(self._known).sum(axis=0, dtype=np.float64), 1e-6)

    @property
    def deviation(self) -> Floats:
        """(c, k) standard deviation of the function, noise left out."""
        found: Floats = np.sqrt(self.share[:, None] * self._posterior.variance)
        return found

    def take(self, row: int) -> None:
        """Count a candidate as known, at its mean: whatever its value will be, it tells about those like it.

        Reference: Desautels, Krause & Burdick, *Parallelizing Exploration-Exploitation Tradeoffs in Gaussian Process
        Bandit Optimization*, JMLR 2014 (hallucinated observations).
        """
        alike = matern_52(distances(self._candidates, self._candidates[[row]])[:, 0], self._posterior.length)
        alike = alike - self._known[:, row] @ self._known
        for earlier in self._taken:
            alike = alike - earlier[row] * earlier
        step = alike / np.float32(np.sqrt(self.share[row] + self._posterior.noise))
        self._taken.append(step)
        self.share = np.maximum(self.share - np.square(step, dtype=np.float64), 1e-6)


def _loss(gram: Floats, noise: float, values: Floats) -> float:
    """−2 log marginal likelihood at the best variance, summed over the objectives, up to a constant."""
    root = np.linalg.cholesky(with_noise(gram.copy(), noise))
    turned = solve_triangular(root, values, lower=True)
    variance = (np.square(turned).sum(axis=0) + 1.0) / (len(values) + 1)
    return float(len(values) * np.log(variance).sum() + 2 * values.shape[1] * np.log(np.diag(root)).sum())
