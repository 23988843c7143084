"""Values of different proxies, or on different datasets, made comparable: ranks within a set of networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from presage.errors import InvalidArgument
from presage.surrogate.data.ranks import average_ranks

__all__ = ["within_ranks"]


def within_ranks(values: ArrayLike) -> NDArray[np.float64]:
    """(n,) finite values → (n,) their ranks scaled to [0, 1], 1 for the largest, ties sharing their average.

    A single value, and values that are all equal, are 0.5.
    """
    given = np.asarray(values, np.float64)
    if given.ndim != 1 or not np.isfinite(given).all():
        raise InvalidArgument("values", "within_ranks", "be finite, (n,)", values)
    if len(given) < 2:
        return np.full(len(given), 0.5)
    scaled: NDArray[np.float64] = (average_ranks(given) - 1.0) / (len(given) - 1.0)
    return scaled
