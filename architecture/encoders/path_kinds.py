"""What the nodes on a path count as, and how many of each kind a segment holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch, runs
from presage.architecture.batch.kinds import NORMALISES, POOLS, READS_FLAT, WEIGHTED, WINDOWED, table
from presage.architecture.batch.segments import Segments
from presage.architecture.operations import (
    Activation,
)

__all__ = ["GAINS", "PASSING", "PATH_COUNTS", "SegmentKinds", "path_kinds", "segment_kinds"]

PATH_COUNTS = (
    "weighted", "convolution_1", "convolution_wide", "convolution_5_up", "pool", "convolution_1_or_pool",
    "convolution_wide_or_pool", "norm", "activation", "operation", "learned_less_pool",
)  # fmt: skip
PASSING, _DENSE, _POINT, _WIDE, _FIVE_UP, _POOL, _NORM, _ACTIVE, _OTHER = range(9)
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
_WORDS = np.random.default_rng(0).integers(1, 2**63, size=len(GAINS), dtype=np.uint64)
"""A number for each kind: segments are alike where the sums over their nodes are, but for collisions of 64 bits."""


def _kinds() -> NDArray[np.int8]:
    found = np.full(len(table()), _OTHER, np.int8)
    for code, chosen in (
        (_DENSE, WEIGHTED & READS_FLAT),
        (_POINT, WEIGHTED & WINDOWED),
        (_POOL, POOLS),
        (_NORM, NORMALISES),
        (_ACTIVE, table(Activation)),
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
    found[at[kernel > 1]] = _WIDE
    found[at[kernel >= 5]] = _FIVE_UP
    found[passing] = PASSING
    return found


@dataclass(frozen=True, eq=False)
class SegmentKinds:
    """The kinds of nodes that segments hold. Of thousands of segments, most are alike: what follows is worked out once.

    Attributes:
        which: (rows,) by place, which row of `held` each segment is.
        held: (u, k) different segments: how many nodes of each kind they have.
    """

    which: NDArray[np.int64]
    held: NDArray[np.float64]


def segment_kinds(segments: Segments, kinds: NDArray[np.int8]) -> SegmentKinds:
    """What each segment holds of `kinds`, those of its nodes (m,)."""
    if not len(kinds):
        return SegmentKinds(np.zeros(segments.rows, np.int64), np.zeros((0, len(GAINS))))
    keys, which = np.unique(np.add.reduceat(_WORDS[kinds], segments.start), return_inverse=True)
    some = np.empty(len(keys), np.int64)
    some[which] = np.arange(len(which))  # one segment of each
    nodes, begins = runs(np.append(segments.start, len(kinds)), some)
    cell = np.repeat(np.arange(len(some)) * len(GAINS), np.diff(begins)) + kinds[nodes]
    held = np.bincount(cell, minlength=len(some) * len(GAINS)).reshape(len(some), len(GAINS))
    return SegmentKinds(segments.placed(which), held.astype(np.float64))
