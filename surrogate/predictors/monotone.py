"""A monotone map learned from pairs: what a prediction is worth, without touching the order of predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MonotoneMap"]

Floats = NDArray[np.float64]

BINS = 12
LEAST_SLOPE = 0.1
"""So that no two different predictions become one."""


@dataclass(eq=False)
class MonotoneMap:
    """Piecewise linear and strictly increasing, through the means of bins of equal size; straight on beyond them."""

    def fit(self, x: Floats, y: Floats) -> MonotoneMap:
        """Learns E[y | x] from pairs (n,); the identity where there are too few to tell."""
        self.x_, self.y_ = np.array([0.0, 1.0]), np.array([0.0, 1.0])
        bins = min(BINS, len(x) // 20)
        if bins < 2:
            return self
        parts = np.array_split(np.argsort(x, kind="stable"), bins)
        knots, first = np.unique([x[part].mean() for part in parts], return_index=True)
        if np.ptp(knots) < 1e-6:
            return self
        means = _increasing(np.array([y[parts[part]].mean() for part in first]) - LEAST_SLOPE * knots)
        self.x_, self.y_ = knots, means + LEAST_SLOPE * knots
        return self

    def __call__(self, x: Floats) -> Floats:
        """(n,) mapped values."""
        slopes = np.diff(self.y_) / np.diff(self.x_)
        below, above = np.minimum(x - self.x_[0], 0.0), np.maximum(x - self.x_[-1], 0.0)
        ends = np.clip(slopes[[0, -1]], LEAST_SLOPE, 1.0)  # the outermost bins say little of what lies beyond them
        return np.asarray(np.interp(x, self.x_, self.y_) + ends[0] * below + ends[1] * above)


def _increasing(values: Floats) -> Floats:
    """The nearest non-decreasing sequence in least squares (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for value in values.tolist():
        blocks.append((value, 1))
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (left, m), (right, n) = blocks[-2:]
            blocks[-2:] = [((left * m + right * n) / (m + n), m + n)]
    return np.concatenate([np.full(size, mean) for mean, size in blocks])
