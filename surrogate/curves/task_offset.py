"""What the finished trainings of a task tell of its others: errors of one task lean the same way.

With z the errors of extrapolations, in their estimated spreads, a task's are taken for a shift of the task plus what is
the training's own, both normal (a random-effects model; Searle, Casella & McCulloch, *Variance Components*, 1992). κ is
the ratio of their variances: n finished trainings of mean error z̄ move the others by n·z̄ / (n + κ).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["narrowing", "shift", "variance_ratio"]

Floats = NDArray[np.float64]

LEAST, MOST = 0.05, 100.0
"""Bounds of κ: experience of one task, or of tasks without two trainings, tells nothing of it."""


def variance_ratio(errors: Floats, task: NDArray[np.str_]) -> float:
    """κ of errors (n,) of trainings on tasks (n,), by the method of moments; tasks of one training are passed over."""
    _, index, size = np.unique(task, return_inverse=True, return_counts=True)
    several = size >= 2
    if np.count_nonzero(several) < 2:
        return MOST
    mean = np.bincount(index, errors) / size
    squares = np.bincount(index, (errors - mean[index]) ** 2)
    own = squares[several].sum() / (size[several] - 1).sum()
    shared = float(np.var(mean[several], ddof=1) - np.mean(own / size[several]))
    return float(np.clip(own / shared, LEAST, MOST)) if shared > 0 else MOST


def shift(errors: Floats, ratio: float) -> float:
    """By how much, in spreads, trainings of a task are expected to lie off, n ≥ 0 errors (n,) of it known."""
    return float(errors.sum() / (len(errors) + ratio))


def narrowing(count: int, ratio: float) -> float:
    """What is left of the spread of a training when `count` others of its task are known; 1 for none."""
    return float(np.sqrt((1.0 + 1.0 / (count + ratio)) / (1.0 + 1.0 / ratio)))
