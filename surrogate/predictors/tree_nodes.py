"""LightGBM's trees as arrays of nodes, read from its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.errors import InvalidArgument

__all__ = ["Nodes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Nodes:
    """The m nodes of all trees, leaves among them, which lead to themselves.

    Attributes:
        roots: (trees,) where each begins.
        feature: (m,) column that is compared with the threshold.
        threshold: (m,) largest value that goes left.
        left, right: (m,) where it goes on.
        nan_left: (m,) whether what is missing goes left.
        nan_is_zero: (m,) whether it is taken for 0 instead.
        value: (m,) of leaves.
        depth: the most comparisons until a leaf.
    """

    roots: Ints
    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    nan_left: NDArray[np.bool_]
    nan_is_zero: NDArray[np.bool_]
    value: Floats
    depth: int

    @classmethod
    def of(cls, text: str) -> Nodes:
        """Parses LightGBM's text, version 4: <https://github.com/microsoft/LightGBM/blob/master/src/io/tree.cpp>.

        Raises:
            InvalidArgument: it is none, or its trees split otherwise than by numbers.
        """
        rule = "be LightGBM's text, version 4, of regression trees"
        if "\nversion=v4\n" not in text[:200]:
            raise InvalidArgument("text", "Nodes.of", rule, text[:40])
        try:
            return cls._read(text)
        except (ValueError, KeyError) as error:
            raise InvalidArgument("text", "Nodes.of", rule, f"{type(error).__name__}: {error}") from None

    @classmethod
    def _read(cls, text: str) -> Nodes:
        parts: list[tuple[NDArray[np.float64], ...]] = []
        roots, start, deepest = [], 0, 0
        for tree in _trees(text):
            value = _numbers(tree["leaf_value"])
            leaves, splits = len(value), int(tree["num_leaves"]) - 1
            columns = [_numbers(tree[name] if splits else "") for name in _SPLITS]
            if leaves != splits + 1 or any(len(column) != splits for column in columns):
                raise ValueError(f"a tree of {tree['num_leaves']} leaves")
            feature, threshold, kind, left, right = columns
            if np.any((kind.astype(np.int64) & 1) | (kind.astype(np.int64) & 12 == 4)):
                raise ValueError("a split by category, or for which 0 is missing")
            if tree.get("is_linear", "0") != "0":
                raise ValueError("leaves that are linear functions")
            # children are splits from 0 on and leaves from -1 downwards; here leaves follow the splits
            children = [np.where(to < 0, splits - 1 - to, to) for to in (left, right)]
            if any(len(to) and (to.min() < 0 or to.max() >= splits + leaves) for to in children):
                raise ValueError("a split that leads nowhere")
            deepest = max(deepest, _depth(children[0].astype(int).tolist(), children[1].astype(int).tolist()))
            itself = np.arange(splits, splits + leaves)
            none = np.zeros(leaves)
            parts.append(
                (
                    np.concatenate([feature, none]),
                    np.concatenate([threshold, none]),
                    np.concatenate([children[0], itself]) + start,
                    np.concatenate([children[1], itself]) + start,
                    np.concatenate([kind, none]),
                    np.concatenate([np.zeros(splits), value]),
                )
            )
            roots.append(start)
            start += splits + leaves
        if not parts:
            raise ValueError("no tree")
        columns = [np.concatenate([part[column] for part in parts]) for column in range(6)]
        kinds = columns[4].astype(np.int64)
        return cls(
            roots=np.array(roots),
            feature=columns[0].astype(np.int64),
            threshold=columns[1],
            left=columns[2].astype(np.int64),
            right=columns[3].astype(np.int64),
            nan_left=(kinds & 2) > 0,
            nan_is_zero=(kinds & 12) == 0,
            value=columns[5],
            depth=deepest,
        )

    def predict(self, matrix: NDArray[np.float32]) -> Floats:
        """(n,) sums of leaves, tree after tree, as LightGBM adds them."""
        rows = np.arange(len(matrix))[:, None]
        at = np.broadcast_to(self.roots, (len(matrix), len(self.roots)))
        for _ in range(self.depth):
            found = matrix[rows, self.feature[at]].astype(np.float64)
            missing = np.isnan(found)
            found[missing & self.nan_is_zero[at]] = 0.0
            goes_left = np.where(np.isnan(found), self.nan_left[at], found <= self.threshold[at])
            at = np.where(goes_left, self.left[at], self.right[at])
        return np.asarray(np.cumsum(self.value[at], axis=1)[:, -1])


_SPLITS = ("split_feature", "threshold", "decision_type", "left_child", "right_child")


def _trees(text: str) -> Iterator[dict[str, str]]:
    """The lines of each tree by their names."""
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        if lines and lines[0].startswith("Tree="):
            yield dict(line.split("=", 1) for line in lines)


def _numbers(text: str) -> Floats:
    return np.array(text.split(), np.float64)


def _depth(left: list[int], right: list[int]) -> int:
    """Splits from the root to the farthest leaf.

    Raises:
        ValueError: a node that is reached twice.
    """
    depth, level, seen = 0, [0], 0
    while level := [node for node in level if node < len(left)]:
        seen += len(level)
        if seen > len(left):
            raise ValueError("splits that lead back")
        depth, level = depth + 1, [to for node in level for to in (left[node], right[node])]
    return depth
