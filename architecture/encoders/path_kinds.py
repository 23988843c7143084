"""What the nodes on a path count as, and how many of each kind a strand holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from architecture.encoders.reading import Reading, table
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

__all__ = ["PASSING", "PATH_COUNTS", "path_counts", "path_kinds"]

PATH_COUNTS = (
    "weighted", "convolution_1", "convolution_wide", "convolution_5_up", "pool", "convolution_1_or_pool",
    "convolution_wide_or_pool", "norm", "activation", "operation", "learned_less_pool",
)  # fmt: skip
PASSING, _OTHER = 0, 8
_GAINS = np.array(
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
    np.float32,
)
"""What a node of each kind adds to each of `PATH_COUNTS`. The last: the path of most learned layers that is blurred
least."""


def _kinds() -> NDArray[np.int8]:
    found = np.full(len(table()), _OTHER, np.int8)
    for code, chosen in (
        (1, table(Linear, Classifier)),
        (2, table(Convolution)),
        (5, table(MaxPool, AveragePool)),
        (6, table(BatchNorm, GroupNorm)),
        (7, table(Activation)),
    ):
        found[chosen] = code
    return found


_KINDS = _kinds()


def path_kinds(reading: Reading) -> NDArray[np.int8]:
    """(r,) the kind of each live node, a row of `_GAINS`."""
    found: NDArray[np.int8] = _KINDS[reading.of_live(reading.kind)]
    conv = np.flatnonzero(found == 2)
    rows = reading.live_rows[conv]
    kernel = np.maximum(reading.batch.column("kernel_h")[rows], reading.batch.column("kernel_w")[rows])
    found[conv] += (kernel > 1).astype(np.int8) + (kernel >= 5).astype(np.int8)
    found[reading.of_live(reading.passing)] = PASSING
    return found


def path_counts(reading: Reading) -> NDArray[np.float32]:
    """(rows, q) what each strand adds to each of `PATH_COUNTS`."""
    strands, kinds = reading.strands, len(_GAINS)
    cell = strands.of * kinds + path_kinds(reading)
    held = np.bincount(cell, minlength=strands.rows * kinds).reshape(strands.rows, kinds)
    return np.asarray(held.astype(np.float32) @ _GAINS)
