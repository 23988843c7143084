"""Distances and the Matérn kernel (ν = 5/2; Rasmussen & Williams 2006, equation 4.17) of Gaussian processes."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["distances", "matern"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Reals = TypeVar("Reals", Floats, Singles)


def distances(left: Singles, right: Singles) -> Singles:
    """(n, m) Euclidean distances."""
    squared = (left**2).sum(axis=1)[:, None] - 2.0 * (left @ right.T) + (right**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def matern(distance: Reals, length: float) -> Reals:
    """The kernel at these distances, of variance 1 and this length scale; in the precision of `distance`."""
    scaled = distance * distance.dtype.type(5**0.5 / length)
    near: Reals = (1 + scaled + scaled * scaled / 3) * np.exp(-scaled)
    return near
