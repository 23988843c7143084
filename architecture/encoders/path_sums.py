"""Sums over all paths, each path weighted down by what lies on it: how much of a network goes which way.

Longest and shortest paths say what the extreme ones hold, a mean what the average one does; Σ 2^−(λ · counts) over the
paths, for several λ, holds the whole distribution of counts (it is its generating function), and its logarithm is
additive over blocks in series. Small λ weigh all paths alike, large ones count those that avoid an operation.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.segments import IMAGE, NOTHING, added
from presage.architecture.encoders.canonical_view import CanonicalView
from presage.architecture.encoders.path_kinds import GAINS, PATH_COUNTS

__all__ = ["path_sums"]

EXPONENTS = (0, 2, 5)
"""What an operation on a path costs it, in powers of ½: nothing, some, nearly all."""
COUNTED = ("convolution_wide", "convolution_1", "pool")
LAMBDAS = tuple(exponents for exponents in product(EXPONENTS, repeat=3) if any(exponents))
"""λ of each of `COUNTED`. All zero is `paths.log_number`."""
MOST = 2.0**1000


def path_sums(view: CanonicalView) -> dict[str, NDArray[Any]]:
    """log2 of the weighted sums over paths from the image to the classifier; 0 where it sees only zeros."""
    segments = view.segments
    gains = GAINS[:, [PATH_COUNTS.index(name) for name in COUNTED]]
    which, held = view.segment_kinds.which, view.segment_kinds.held
    factor = np.exp2(held @ gains @ -np.array(LAMBDAS, np.float64).T)
    total = np.empty((segments.rows, len(LAMBDAS)))
    total[NOTHING], total[IMAGE] = 0.0, 1.0

    def own(value: NDArray[np.float64], at: slice) -> None:
        value *= factor.take(which[at], axis=0)
        np.minimum(value, MOST, out=value)

    segments.scan(total, added, own)
    there = ~view.zero[view.first[view.last]]
    logs = np.where(there[:, None], np.log2(np.maximum(total[view.ends], 1 / MOST)), 0.0)
    return {
        f"path_sum.wide{wide}_point{point}_pool{pool}": logs[:, column]
        for column, (wide, point, pool) in enumerate(LAMBDAS)
    }
