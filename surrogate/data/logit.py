"""Accuracy ↔ logit: on the logit scale the differences between good networks on easy datasets stay visible."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["from_logit", "slope", "to_logit"]

Floats = NDArray[np.float64]

MARGIN = 0.01
"""Accuracies are squeezed into [MARGIN, 1 − MARGIN] affinely: 200 validation images cannot tell 1.0 from .995."""


def to_logit(accuracy: ArrayLike) -> Floats:
    """log(p / (1 − p)) of p = MARGIN + (1 − 2·MARGIN)·accuracy: finite for 0 and 1, strictly increasing."""
    p = MARGIN + (1 - 2 * MARGIN) * np.asarray(accuracy, np.float64)
    return np.asarray(np.log(p) - np.log1p(-p))


def from_logit(logit: ArrayLike) -> Floats:
    """The inverse of `to_logit`, clipped to [0, 1]."""
    p = 0.5 * (1 + np.tanh(0.5 * np.asarray(logit, np.float64)))  # the logistic function without overflow
    return np.clip((p - MARGIN) / (1 - 2 * MARGIN), 0.0, 1.0)


def slope(accuracy: ArrayLike) -> Floats:
    """Accuracy per unit of logit, d accuracy / d logit."""
    p = MARGIN + (1 - 2 * MARGIN) * np.asarray(accuracy, np.float64)
    return np.asarray(p * (1 - p) / (1 - 2 * MARGIN))
