"""Boosted trees for many rows at once: every split of a tree is compared for a few dozen rows together.

QuickScorer (Lucchese et al., SIGIR 2015): leaves are bits from left to right; a split that a row does not go left at
takes away the leaves on its left; of what remains, the lowest bit is the leaf. No branch depends on the row, so rows
are compared as vectors. The sums are those of LightGBM to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from presage.architecture.compiled.compiling import compiled

__all__ = ["MOST_LEAVES", "Splits", "add_leaves"]

MOST_LEAVES = 32
"""Bits of a mask."""
TOGETHER = 64
"""Rows that are compared together."""


class Splits(NamedTuple):
    """Trees as splits and leaves.

    Attributes:
        start: (trees + 1,) the splits of each.
        leaf_start: (trees,) the first leaf of each.
        feature: (s,) column that is compared.
        threshold: (s,) the largest float32 that goes left.
        stays: (s,) leaves that are left to those who go right.
        nan_left: (s,) whether what is missing goes left.
        value: (l,) of leaves, from left to right.
    """

    start: NDArray[np.int64]
    leaf_start: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    stays: NDArray[np.uint32]
    nan_left: NDArray[np.bool_]
    value: NDArray[np.float64]


@compiled
def add_leaves(splits: Splits, matrix: NDArray[np.float32], begin: int, end: int, found: NDArray[np.float64]) -> None:
    """Writes into `found` (n,) the sums of the leaves that rows `begin` to `end` of `matrix` (n, f) fall into."""
    start, leaf_start, features, thresholds, stays, nan_left, values = splits
    width = matrix.shape[1]
    x, missing = np.empty((width, TOGETHER), np.float32), np.zeros(width, np.bool_)
    left, total = np.empty(TOGETHER, np.uint32), np.empty(TOGETHER)
    place = np.zeros(32, np.uint8)  # of the only bit of a number, by its product with a de Bruijn sequence
    for bit in range(32):
        place[((1 << bit) * 0x077CB531 & 0xFFFFFFFF) >> 27] = bit
    factor, shift, one = np.uint32(0x077CB531), np.uint32(27), np.uint32(1)
    everything = np.uint32(0xFFFFFFFF)
    for first in range(begin, end, TOGETHER):
        rows = min(TOGETHER, end - first)
        missing[:] = False
        for row in range(TOGETHER):
            at = first + min(row, rows - 1)
            for column in range(width):
                value = matrix[at, column]
                x[column, row] = value
                if value != value:
                    missing[column] = True
        total[:] = 0.0
        for tree in range(len(leaf_start)):
            left[:] = everything
            for split in range(start[tree], start[tree + 1]):
                feature, threshold, stay = features[split], thresholds[split], stays[split]
                if missing[feature]:
                    for row in range(TOGETHER):
                        value = x[feature, row]
                        goes = nan_left[split] if value != value else value <= threshold
                        left[row] &= everything if goes else stay
                else:
                    for row in range(TOGETHER):
                        left[row] &= everything if x[feature, row] <= threshold else stay
            leaf = leaf_start[tree]
            for row in range(TOGETHER):
                lowest = np.uint32(left[row] & np.uint32(~left[row] + one))
                total[row] += values[leaf + place[np.uint32(lowest * factor) >> shift]]
        for row in range(rows):
            found[first + row] = total[row]
