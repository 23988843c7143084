"""What the nodes on a path count as, and how many of each kind a strand holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from architecture.batch import GraphBatch
from architecture.encoders.kinds import table
from architecture.operations import (
    Activation,
    AveragePool,
    BatchNorm,
    Classifier,
    Convolution,
    GroupNorm,
    Linear,
    MaxPool,
)
from architecture.strands import Strands

__all__ = ["GAINS", "PASSING", "PATH_COUNTS", "path_kinds", "strand_kinds"]

PATH_COUNTS = (
    "weighted", "convolution_1", "convolution_wide", "convolution_5_up", "pool", "convolution_1_or_pool",
    "convolution_wide_or_pool", "norm", "activation", "operation", "learned_less_pool",
)  # fmt: skip
PASSING, _POINT, _OTHER = 0, 2, 8
GAINS = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],  # what passes its input on
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],  # fully connected
        [1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0.5],  # convolution of kernel 1
        [1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 1],  # wider
        [1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1],  # 5 and up
        [0, 0, 0, 0, 1, 1, 1, 0, 0, 1, -1],  # pool
        [0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0],  # normalisation
        [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0],  # activation
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],  # anything else
    ],
    np.float64,
)
"""What a node of each kind adds to each of `PATH_COUNTS`. The last: the path of most learned layers that is blurred
least."""


def _kinds() -> NDArray[np.int8]:
    found = np.full(len(table()), _OTHER, np.int8)
    for code, chosen in (
        (1, table(Linear, Classifier)),
        (_POINT, table(Convolution)),
        (5, table(MaxPool, AveragePool)),
        (6, table(BatchNorm, GroupNorm)),
        (7, table(Activation)),
    ):
        found[chosen] = code
    return found


_KINDS = _kinds()


def path_kinds(batch: GraphBatch, rows: NDArray[np.int64], passing: NDArray[np.bool_]) -> NDArray[np.int8]:
    """(r,) the kind of each of these nodes, a row of `GAINS`.

    Args:
        batch: the graphs.
        rows: (r,) nodes.
        passing: (r,) which of them add nothing to a path.
    """
    found: NDArray[np.int8] = _KINDS[batch.kind[rows]]
    at = np.flatnonzero(found == _POINT)
    conv = rows[at]
    kernel = np.maximum(batch.column("kernel_h")[conv], batch.column("kernel_w")[conv])
    found[at] += (kernel > 1).astype(np.int8) + (kernel >= 5).astype(np.int8)
    found[passing] = PASSING
    return found


def strand_kinds(strands: Strands, kinds: NDArray[np.int8]) -> NDArray[np.float64]:
    """(rows, k) how many of its nodes are of each kind."""
    k = len(GAINS)
    held = np.bincount(strands.of * k + kinds, minlength=strands.rows * k)
    return held.reshape(strands.rows, k).astype(np.float64)
