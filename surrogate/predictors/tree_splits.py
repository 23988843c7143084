"""Trees as LightGBM writes them, for the compiled kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from presage.architecture.compiled.in_parts import in_parts
from presage.surrogate.predictors.tree_kernel import MOST_LEAVES, Splits, add_leaves
from presage.surrogate.predictors.tree_nodes import Nodes

__all__ = ["predicted", "splits_of"]

Floats = NDArray[np.float64]


def splits_of(nodes: Nodes) -> Splits | None:
    """The same trees; None where one has more than `MOST_LEAVES` leaves."""
    starts, leaf_starts = [0], []
    parts: list[tuple[int, int]] = []
    values: list[float] = []
    for begin in nodes.roots.tolist():
        tree = _Tree(nodes)
        tree.visit(begin)
        if len(tree.leaves) > MOST_LEAVES:
            return None
        leaf_starts.append(len(values))
        values += tree.leaves
        parts += tree.splits
        starts.append(len(parts))
    at = np.array([split for split, _ in parts], np.int64)
    stays = np.array([stay for _, stay in parts], np.uint32)
    zero_left = nodes.threshold[at] >= 0
    return Splits(
        np.array(starts),
        np.array(leaf_starts),
        nodes.feature[at],
        _floor(nodes.threshold[at]),
        stays,
        np.where(nodes.nan_is_zero[at], zero_left, nodes.nan_left[at]),
        np.array(values),
    )


class _Tree:
    """One tree, visited from left to right.

    Attributes:
        leaves: values so far.
        splits: rows of the nodes, each with the leaves that stay to those who go right.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self.leaves: list[float] = []
        self.splits: list[tuple[int, int]] = []

    def visit(self, node: int) -> None:
        nodes = self._nodes
        if nodes.left[node] == node:
            self.leaves.append(float(nodes.value[node]))
            return
        before = len(self.leaves)
        self.visit(int(nodes.left[node]))
        gone = (1 << len(self.leaves)) - (1 << before)
        self.splits.append((node, ~gone & 0xFFFFFFFF))
        self.visit(int(nodes.right[node]))


def _floor(values: Floats) -> NDArray[np.float32]:
    """The largest float32 that is not above each: a float32 is at most the one where it is at most the other."""
    found = values.astype(np.float32)
    above = found > values
    found[above] = np.nextafter(found[above], np.float32(-np.inf))
    return found


def predicted(splits: Splits, matrix: NDArray[np.float32], threads: int = 0) -> Floats:
    """(n,) sums of the leaves that the rows of `matrix` (n, f) fall into.

    Args:
        splits: the trees.
        matrix: NaN stands for what is missing.
        threads: CPU threads; 0 for all.
    """
    found, rows = np.empty(len(matrix)), np.ascontiguousarray(matrix, np.float32)
    in_parts(len(matrix), lambda begin, end: add_leaves(splits, rows, begin, end, found), threads)
    return found
