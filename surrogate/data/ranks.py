"""Ranks of values, and the normal scores of ranks: what is left of values when only their order counts."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["average_ranks", "normal_scores"]

Floats = NDArray[np.float64]


def average_ranks(values: Floats) -> Floats:
    """Ranks from 1, ties sharing their average, (n,)."""
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(size) - (size - 1) / 2.0)[group]
    return ranks


def normal_scores(values: Floats) -> Floats:
    """Φ⁻¹((rank − ½) / n), (n,): what the values would be were they a sample of the standard normal distribution."""
    normal = NormalDist()
    return np.array([normal.inv_cdf(share) for share in (average_ranks(values) - 0.5) / len(values)])
