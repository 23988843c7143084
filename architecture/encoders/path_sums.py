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

from architecture.encoders.reading import Reading
from architecture.operations import AveragePool, Convolution, MaxPool

__all__ = ["path_sums"]

EXPONENTS = (0, 2, 5)
"""What an operation on a path costs it, in powers of ½: nothing, some, nearly all."""
LAMBDAS = tuple(exponents for exponents in product(EXPONENTS, repeat=3) if any(exponents))
"""λ of a convolution wider than 1, of one of kernel 1, and of a pool. All zero is `paths.log_number`."""
MOST = 2.0**1000


def path_sums(reading: Reading) -> dict[str, NDArray[Any]]:
    """log2 of the weighted sums over paths from the image to the classifier; 0 where it sees only zeros."""
    kernel = np.maximum(reading.batch.column("kernel_h"), reading.batch.column("kernel_w"))
    conv = reading.is_a(Convolution)
    own = np.zeros(len(kernel), np.int8)
    own[conv & (kernel > 1)] = 1
    own[conv & (kernel == 1)] = 2
    own[reading.is_a(MaxPool, AveragePool)] = 3
    own[reading.passing] = 0
    own[reading.zero] = 4
    factor = np.ones((5, len(LAMBDAS)))
    factor[1:4] = np.exp2(-np.array(LAMBDAS, np.float64).T)
    factor[4] = 0.0

    total = np.empty((len(kernel), len(LAMBDAS)))
    total[reading.sweep.images] = 1.0
    for step in reading.sweep:
        value = total[step.first]
        for at, source in step.further:
            value[at] += total[source]
        value *= factor[own[step.rows]]
        total[step.rows] = np.minimum(value, MOST, out=value)
    there = ~reading.zero[reading.first[reading.last]]
    logs = np.where(there[:, None], np.log2(np.maximum(total[reading.last], 1 / MOST)), 0.0)
    return {
        f"path_sum.wide{wide}_point{point}_pool{pool}": logs[:, column]
        for column, (wide, point, pool) in enumerate(LAMBDAS)
    }
