"""Gaussian processes: the kernels, distances and linear algebra that all of them share, and `GaussianProcess`.

Reference: Rasmussen & Williams, *Gaussian Processes for Machine Learning*, 2006; equations are theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "GaussianProcess",
    "distances",
    "matern_32",
    "matern_52",
    "most_probable",
    "negative_log_likelihood",
    "squared_differences",
    "squared_distances",
    "squared_exponential",
    "symmetric_distances",
    "with_noise",
]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Reals = TypeVar("Reals", Floats, Singles)

LENGTHS = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
"""Length scales tried, in median distances of the points learned from."""
NOISES = (0.003, 0.01, 0.03, 0.06, 0.1, 0.2, 0.4, 0.8)
"""Variances of the noise tried, in those of the function."""
START = (3, 2)
"""Positions in `LENGTHS` and `NOISES` where the search for the best begins."""
PRIOR = 1.0
"""Points that the belief in a variance of 1 is worth, before any is seen."""
CHUNK = 2048


def squared_distances(left: Reals, right: Reals) -> Reals:
    """(n, m) squared Euclidean distances of points (n, f) and (m, f), by one product of matrices: for many points."""
    found = left @ right.T  # in place from here on: many points make matrices that leave the cache
    found *= -2.0
    found += (left**2).sum(axis=1)[:, None]
    found += (right**2).sum(axis=1)
    return found


def distances(left: Reals, right: Reals) -> Reals:
    """(n, m) Euclidean distances, as `squared_distances`."""
    found = squared_distances(left, right)
    np.maximum(found, 0.0, out=found)
    return np.asarray(np.sqrt(found, out=found))


def symmetric_distances(points: Floats) -> Floats:
    """(n, n) Euclidean distances among points (n, f), symmetric to the last bit, as eigenvalues want them."""
    square = (points**2).sum(axis=1)
    squared = square[:, None] + square[None, :] - 2.0 * points @ points.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def squared_differences(left: Floats, right: Floats) -> Floats:
    """(n, m) squared Euclidean distances by differences, exact for points close together: for few points."""
    return np.asarray(((left[:, None, :] - right[None, :, :]) ** 2).sum(axis=2))


def matern_32(distance: Reals, length: float, variance: float = 1.0) -> Reals:
    """Matérn kernel, ν = 3/2 (eq. 4.17), at these distances; in their precision.

    Args:
        distance: any shape.
        length: length scale, in units of the distances.
        variance: the kernel at distance 0.
    """
    scaled = distance * distance.dtype.type(3**0.5 / length)
    near: Reals = 1 + scaled
    near *= distance.dtype.type(variance)
    np.negative(scaled, out=scaled)
    near *= np.exp(scaled, out=scaled)
    return near


def matern_52(distance: Reals, length: float) -> Reals:
    """Matérn kernel, ν = 5/2 (eq. 4.17), of variance 1, at these distances; in their precision."""
    scaled = distance * distance.dtype.type(5**0.5 / length)
    near: Reals = (1 + scaled + scaled * scaled / 3) * np.exp(-scaled)
    return near


def squared_exponential(squared: Floats, squared_length: float) -> Floats:
    """Squared exponential kernel (eq. 4.9) of variance 1, from squared distances and the squared length scale."""
    return np.asarray(np.exp(-0.5 * squared / squared_length))


def with_noise(gram: Floats, noise: Floats | float) -> Floats:
    """Covariances (n, n) with the noise's variance, one number or (n,), on their diagonal; in place."""
    gram[np.diag_indices_from(gram)] += noise
    return gram


def negative_log_likelihood(covariance: Floats, values: Floats) -> float:
    """−log p of values (n,) of mean 0 and covariance (n, n), up to a constant (eq. 2.30)."""
    root = np.linalg.cholesky(covariance)
    whitened = np.linalg.solve(root, values)
    return float(0.5 * whitened @ whitened + np.log(np.diag(root)).sum())


def most_probable(cost: Callable[[Floats], float], start: Floats, iterations: int) -> Floats:
    """Hyper-parameters (p,) of the least `cost`, a negative log posterior, by L-BFGS; `start` where that fails."""
    from scipy.optimize import minimize  # lazily: it takes a third of a second to import

    found = minimize(cost, start, method="L-BFGS-B", options={"maxiter": iterations})
    return np.asarray(found.x if np.isfinite(found.fun) else start, np.float64)


@dataclass(eq=False)
class GaussianProcess:
    """Gaussian process with a Matérn kernel (ν = 5/2, eq. 4.17) of standardised columns.

    Length scale and noise are those of the largest marginal likelihood (eq. 5.8), climbed on a grid; the variance is
    its maximum in closed form. Values are expected to vary by about 1. Columns that do not vary are left out.

    Once fitted, `loss_` is −2 log marginal likelihood, up to a constant of n, and `left_out_` (n,) what is predicted of
    each point by all others (eq. 5.12), the settings and the mean being those of all.

    Args:
        clip: standardised values are held within ± this.
    """

    clip: float = 4.0

    def fit(self, x: NDArray[np.floating], y: Floats, weights: Floats | None = None) -> GaussianProcess:
        """Learns from points (n, f) and values (n,), n ≥ 1; `weights` (f,) of the columns in squared distances."""
        from scipy.linalg import solve_triangular

        x = np.asarray(x, np.float64)
        self.centre_, deviation = x.mean(axis=0), x.std(axis=0)
        self.columns_ = np.flatnonzero(deviation > 1e-6 * np.maximum(1.0, np.abs(self.centre_)))
        self.centre_, self.deviation_ = self.centre_[self.columns_], deviation[self.columns_]
        self.scale_ = np.ones(len(self.columns_)) if weights is None else np.sqrt(weights[self.columns_])
        self.points_ = self._standard(x)
        self.mean_ = float(y.mean())
        distance = distances(self.points_, self.points_).astype(np.float64)
        apart = distance[np.triu_indices(len(x), 1)]
        unit = float(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0
        residual = y - self.mean_

        def learned(at: tuple[int, int]) -> _Learned:
            return _Learned.of(distance, residual, LENGTHS[at[0]] * unit, NOISES[at[1]])

        best = _climbed(learned) if len(x) > 2 else learned(START)
        self.length_, self.noise_, self.variance_ = best.length, best.noise, best.variance
        inverse = solve_triangular(best.root, np.eye(len(x)), lower=True)
        self.dual_ = inverse.T @ (inverse @ residual)
        self.root_ = inverse.T.astype(np.float32)
        self.loss_ = best.loss
        self.left_out_ = y - self.dual_ / np.square(inverse).sum(axis=0)
        return self

    def predict(self, x: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Mean and standard deviation (n,) of the function, noise left out, at points (n, f)."""
        mean, deviation = np.empty(len(x)), np.empty(len(x))
        for start in range(0, len(x), CHUNK):
            part = slice(start, start + CHUNK)
            near = matern_52(distances(self._standard(x[part]), self.points_), self.length_)
            mean[part] = self.mean_ + near @ self.dual_
            explained = np.square(near @ self.root_).sum(axis=1)
            deviation[part] = np.sqrt(self.variance_ * np.maximum(1.0 - explained, 1e-6))
        return mean, deviation

    def _standard(self, x: NDArray[np.floating]) -> Singles:
        scaled = (x[:, self.columns_] - self.centre_) / self.deviation_
        return np.asarray(np.clip(scaled, -self.clip, self.clip) * self.scale_, np.float32)


@dataclass(frozen=True, eq=False)
class _Learned:
    """What a length scale and a noise make of the points; `loss` is −2 log marginal likelihood, up to a constant."""

    length: float
    noise: float
    variance: float
    root: Floats
    loss: float

    @classmethod
    def of(cls, distance: Floats, residual: Floats, length: float, noise: float) -> _Learned:
        from scipy.linalg import solve_triangular

        root = np.asarray(np.linalg.cholesky(with_noise(matern_52(distance, length), noise)), np.float64)
        turned = solve_triangular(root, residual, lower=True)
        count = len(residual) + PRIOR
        variance = float(turned @ turned + PRIOR) / count
        loss = count * np.log(variance) + 2 * np.log(np.diag(root)).sum()
        return cls(length, noise, variance, root, float(loss))


def _climbed(learned: Callable[[tuple[int, int]], _Learned]) -> _Learned:
    """The best of the grid as found by going from neighbour to neighbour while that is better."""
    tried: dict[tuple[int, int], float] = {}
    at, best = START, learned(START)
    tried[at] = best.loss
    moved = True
    while moved:
        moved = False
        for step in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            near = at[0] + step[0], at[1] + step[1]
            if near in tried or not (0 <= near[0] < len(LENGTHS) and 0 <= near[1] < len(NOISES)):
                continue
            found = learned(near)
            tried[near] = found.loss
            if found.loss < best.loss:
                at, best, moved = near, found, True
    return best
