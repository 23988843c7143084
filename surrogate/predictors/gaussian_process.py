"""`GaussianProcess`: regression on a few hundred points in milliseconds, its settings by marginal likelihood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.predictors.matern import distances, matern

__all__ = ["GaussianProcess"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

LENGTHS = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
"""Length scales tried, in median distances of the points learned from."""
NOISES = (0.003, 0.01, 0.03, 0.06, 0.1, 0.2, 0.4, 0.8)
"""Variances of the noise tried, in those of the function."""
START = (3, 2)
"""Positions in `LENGTHS` and `NOISES` where the search for the best begins."""
PRIOR = 1.0
"""Points that the belief in a variance of 1 is worth, before any is seen."""
CHUNK = 2048


@dataclass(eq=False)
class GaussianProcess:
    """Gaussian process with a Matérn kernel (ν = 5/2; Rasmussen & Williams 2006, eq. 4.17) of standardised columns.

    Length scale and noise are those of the largest marginal likelihood (eq. 5.8), climbed on a grid; the variance is
    its maximum in closed form. Values are expected to vary by about 1. Columns that do not vary are left out.

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
        return self

    def predict(self, x: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Mean and standard deviation (n,) of the function, noise left out, at points (n, f)."""
        mean, deviation = np.empty(len(x)), np.empty(len(x))
        for start in range(0, len(x), CHUNK):
            part = slice(start, start + CHUNK)
            near = matern(distances(self._standard(x[part]), self.points_), self.length_)
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

        gram = matern(distance, length)
        gram[np.diag_indices_from(gram)] += noise
        root = np.asarray(np.linalg.cholesky(gram), np.float64)
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
            place = at[0] + step[0], at[1] + step[1]
            if place in tried or not (0 <= place[0] < len(LENGTHS) and 0 <= place[1] < len(NOISES)):
                continue
            found = learned(place)
            tried[place] = found.loss
            if found.loss < best.loss:
                at, best, moved = place, found, True
    return best
