"""How worth training a candidate is, from its predicted value and interval: larger is better."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from presage.errors import UnknownName

__all__ = ["ACQUISITIONS", "Acquisition", "expected_improvement", "get_acquisition", "mean", "upper_bound"]

Floats = NDArray[np.float64]
Acquisition = Callable[[Floats, Floats, Floats, float, float], Floats]
"""value, lower, upper: (n,); level: coverage of the interval; best: accuracy to beat → (n,)."""


def _spread(lower: Floats, upper: Floats, level: float) -> Floats:
    """Standard deviation of a normal distribution that has this central interval."""
    return (upper - lower) / (2 * NormalDist().inv_cdf(0.5 + level / 2)) if 0 < level < 1 else (upper - lower) / 2


def mean(value: Floats, lower: Floats, upper: Floats, level: float, best: float) -> Floats:
    """The predicted value alone: no exploration."""
    return value


def upper_bound(value: Floats, lower: Floats, upper: Floats, level: float, best: float) -> Floats:
    """Upper confidence bound, ``μ + σ/2``: of equal predictions, the less certain one is worth more.

    Half a standard deviation: a short-list is a handful, and most of it should be good.
    """
    return value + 0.5 * _spread(lower, upper, level)


def expected_improvement(value: Floats, lower: Floats, upper: Floats, level: float, best: float) -> Floats:
    """``E[max(y − best, 0)]`` for normal y: ``σ (z Φ(z) + φ(z))`` with ``z = (μ − best) / σ``.

    Reference: Jones et al., *Efficient Global Optimization of Expensive Black-Box Functions*, 1998, eq. 15.
    """
    spread = np.maximum(_spread(lower, upper, level), 1e-12)
    z = (value - best) / spread
    found: Floats = spread * (z * ndtr(z) + np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))
    return found


ACQUISITIONS: dict[str, Acquisition] = {"mean": mean, "ucb": upper_bound, "ei": expected_improvement}
"""Name → acquisition."""


def get_acquisition(name: str) -> Acquisition:
    """The acquisition of this name. Raises UnknownName."""
    if name not in ACQUISITIONS:
        raise UnknownName("acquisition", name, ACQUISITIONS)
    return ACQUISITIONS[name]
