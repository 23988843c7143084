"""`LabelledGraphs`: cells as NAS-Bench-101 has them, graphs with an operation on each vertex, thousands at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelledGraphs", "between", "draw", "place", "whole"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_BACKWARDS = 2.0**45  # over every spelling (2^21 matrices, 3^7 labels): what an edge that would run backwards costs


def place(source: int, target: int) -> int:
    """Where the edge of two vertices stands among all possible ones: 0→1, 0→2, 1→2, 0→3, …"""
    return source + target * (target - 1) // 2


def between(edges: Mask) -> Mask:
    """Of n graphs of v vertices, (n, v, v) whether an edge runs from the first to the second: (n, v) which vertices lie
    on a way from the first to the last; not even the first where there is none."""
    n, v = edges.shape[:2]
    reached, needed = np.zeros((2, n, v), np.bool_)
    reached[:, 0], needed[:, -1] = True, True
    for vertex in range(1, v):
        reached[:, vertex] = (reached & edges[:, :, vertex]).any(axis=1)
    for vertex in range(v - 2, -1, -1):
        needed[:, vertex] = (needed & edges[:, vertex]).any(axis=1)
    found: Mask = reached & needed
    return found


@dataclass(frozen=True, eq=False)
class LabelledGraphs:
    """n graphs of at most v vertices, which edges join from lower to higher ones: vertex 0 is the input, v - 1 the
    output.

    Attributes:
        edges: (n, v, v) whether an edge runs from the first vertex to the second.
        operations: (n, v) the operation of each vertex, a small number; of input and output, and of vertices that are
            not there, 0.
        choices: number of operations.
    """

    edges: Mask
    operations: Ints
    choices: int

    @property
    def used(self) -> Mask:
        """(n, v) which vertices lie `between` input and output."""
        return between(self.edges)

    def pruned(self) -> LabelledGraphs:
        """Without what does not lie between input and output."""
        used = self.used
        edges = self.edges & used[:, :, None] & used[:, None, :]
        return LabelledGraphs(edges, np.where(used, self.operations, 0), self.choices)

    def spelled(self) -> LabelledGraphs:
        """The same graphs, pruned, each with its vertices in that order of all possible ones in which the benchmark's
        authors list it first: by edges, read as a binary number of which `place` is the digit, then by operations. So
        isomorphic graphs become one. Vertices that are not there stand before the output.

        Source: `generate_graphs.py` of NAS-Bench-101 (Ying et al. 2019, arXiv 1902.09635, section 2).
        """
        pruned = self.pruned()
        used = pruned.used
        inner = used[:, 1:-1].sum(axis=1)
        edges, operations = np.zeros_like(pruned.edges), np.zeros_like(pruned.operations)
        for many in np.unique(inner):
            rows = np.flatnonzero(inner == many)
            # the vertices that are there, in their order, then the output: v' = many + 2
            packed = np.argsort(~used[rows, 1:-1], axis=1, kind="stable")[:, :many] + 1
            ends = np.zeros((len(rows), 1), np.int64), np.full((len(rows), 1), used.shape[1] - 1)
            vertices = np.concatenate([ends[0], packed, ends[1]], axis=1)
            some = pruned.edges[rows[:, None, None], vertices[:, :, None], vertices[:, None, :]]
            labels = pruned.operations[rows[:, None], vertices]
            order = _first(some, labels, self.choices)
            some = some[np.arange(len(rows))[:, None, None], order[:, :, None], order[:, None, :]]
            labels = np.take_along_axis(labels, order, axis=1)
            to = np.append(np.arange(many + 1), used.shape[1] - 1)
            edges[np.ix_(rows, to, to)] = some
            operations[np.ix_(rows, to)] = labels
        return LabelledGraphs(edges, operations, self.choices)

    def key(self) -> Ints:
        """(n,) a number of each graph as it is spelled: equal for `spelled` graphs that are isomorphic."""
        v = self.operations.shape[1]
        sources, targets = _pairs(v)
        bits = self.edges[:, sources, targets] @ (1 << np.arange(len(sources), dtype=np.int64))
        found: Ints = bits * self.choices**v + self.operations @ (self.choices ** np.arange(v, dtype=np.int64))
        return found

    def channels(self, width: int) -> Ints:
        """(n, v) channels of each vertex but the input: the output's `width` is divided evenly among the vertices that
        lead to it, the first of them taking one more where that leaves some over; any other vertex has as many as the
        widest that it leads to. (`compute_vertex_channels` of the benchmark's published code.)"""
        n, v = self.operations.shape
        ends = self.edges[:, :, -1].copy()
        ends[:, 0] = False  # the input is added to the output, not joined to it
        number = ends.sum(axis=1, keepdims=True)
        each, over = np.divmod(width, np.maximum(number, 1))
        found = np.zeros((n, v), np.int64)
        found[:, -1] = width
        direct = each + (np.cumsum(ends, axis=1) <= over)
        for vertex in range(v - 2, 0, -1):
            onward = (self.edges[:, vertex, 1:-1] * found[:, 1:-1]).max(axis=1)
            found[:, vertex] = np.where(ends[:, vertex], direct[:, vertex], onward)
        return found


def draw(n: int, v: int, most_edges: int, choices: int, rng: np.random.Generator) -> LabelledGraphs:
    """n graphs of at most v vertices, every one (up to isomorphism) equally likely, each spelled in any of its ways.

    Vertices that are not there stand anywhere between the others, with edges that lead to them or away from them, as a
    graph has them when a single edge was taken away: one more edge can bring them back.
    """
    every = [whole(many, most_edges) for many in range(2, v + 1)]
    written = np.array([len(some) * choices**inner for inner, some in enumerate(every)], np.float64)
    edges, operations = np.zeros((n, v, v), np.bool_), np.zeros((n, v), np.int64)
    todo = np.arange(n)
    while len(todo):
        size = rng.choice(len(every), size=len(todo), p=written / written.sum())
        kept = np.zeros(len(todo), np.bool_)
        for inner in np.unique(size):
            at = np.flatnonzero(size == inner)
            some = every[inner][rng.integers(len(every[inner]), size=len(at))]
            labels = np.zeros((len(at), inner + 2), np.int64)
            labels[:, 1:-1] = rng.integers(choices, size=(len(at), inner))
            kept[at] = rng.random(len(at)) * _ways(some, labels, choices) < 1
            at, some, labels = todo[at[kept[at]]], some[kept[at]], labels[kept[at]]
            where = _stretched(len(at), int(inner), v, rng)
            edges[at] = _loose(len(at), where, v, rng)
            edges[at[:, None, None], where[:, :, None], where[:, None, :]] = some
            operations[at[:, None], where] = labels
        todo = todo[~kept]
    return LabelledGraphs(edges, operations, choices)


def _stretched(n: int, inner: int, v: int, rng: np.random.Generator) -> Ints:
    """(n, inner + 2) where among v vertices the input, so many others and the output stand, in their order."""
    drawn = rng.random((n, v - 2)).argsort(axis=1)[:, :inner]
    ends = np.zeros((n, 1), np.int64), np.full((n, 1), v - 1)
    return np.concatenate([ends[0], np.sort(drawn, axis=1) + 1, ends[1]], axis=1)


def _loose(n: int, where: Ints, v: int, rng: np.random.Generator) -> Mask:
    """(n, v, v) edges of the vertices that are not there: half of them are only read, half only read others."""
    there = np.zeros((n, v), np.bool_)
    there[np.arange(n)[:, None], where] = True
    reads = ~there & (rng.random((n, v)) < 0.5)
    given = ~there & ~reads
    some = np.triu(rng.random((n, v, v)) < 0.5, 1)
    found: Mask = some & ((reads[:, None, :] & ~reads[:, :, None]) | (given[:, :, None] & ~given[:, None, :]))
    return found & ~(given[:, :, None] & reads[:, None, :])


@lru_cache(maxsize=16)
def whole(v: int, most_edges: int) -> Mask:
    """(g, v, v) every matrix of v vertices and at most so many edges in which all lie between input and output."""
    found = np.zeros((1, v, v), np.bool_)
    for target in range(1, v):
        columns = (np.arange(1, 1 << target)[:, None] >> np.arange(target)) % 2 == 1
        more = np.repeat(found, len(columns), axis=0)
        more[:, :target, target] = np.tile(columns, (len(found), 1))
        found = more[more.sum(axis=(1, 2)) + (v - 1 - target) <= most_edges]
    leads: Mask = np.any(found, axis=2)
    return found[np.all(leads[:, :-1], axis=1)]


def _ways(edges: Mask, operations: Ints, choices: int) -> Ints:
    """(n,) in how many ways each graph of exactly v vertices is spelled."""
    worth = _worth(edges, operations, choices)
    forwards = worth < _BACKWARDS
    same = worth == worth[:, :1]  # the first order leaves the vertices where they are
    found: Ints = forwards.sum(axis=1) // same.sum(axis=1)
    return found


def _first(edges: Mask, operations: Ints, choices: int) -> Ints:
    """(n, v) the vertices in the order of the first spelling of graphs of exactly v vertices."""
    found: Ints = _spellings(operations.shape[1], choices)[0][_worth(edges, operations, choices).argmin(axis=1)]
    return found


def _worth(edges: Mask, operations: Ints, choices: int) -> NDArray[np.float64]:
    """(n, s) the number that each spelling of each graph is; over `_BACKWARDS` where an edge would run backwards."""
    _, of_edges, of_operations = _spellings(operations.shape[1], choices)
    sources, targets = _pairs(operations.shape[1])
    found: NDArray[np.float64] = edges[:, sources, targets].astype(np.float64) @ of_edges  # below 2^53: exact
    return found + operations.astype(np.float64) @ of_operations


@lru_cache(maxsize=16)
def _spellings(v: int, choices: int) -> tuple[Ints, NDArray[np.float64], NDArray[np.float64]]:
    """All s orders of the inner vertices, the first that in which they stand: (s, v) themselves, (e, s) what each edge
    is worth and (v, s) what each operation is worth, times its number, in the spelling."""
    orders = np.array([(0, *inner, v - 1) for inner in permutations(range(1, v - 1))], np.int64).reshape(-1, v)
    at = np.argsort(orders, axis=1)  # (s, v) where each vertex stands
    sources, targets = (at[:, side] for side in _pairs(v))
    forwards = 2.0 ** (sources + targets * (targets - 1) // 2) * float(choices) ** v
    worth = np.where(sources < targets, forwards, _BACKWARDS)
    return orders, np.ascontiguousarray(worth.T), np.ascontiguousarray(float(choices) ** (v - 1 - at).T)


@lru_cache(maxsize=16)
def _pairs(v: int) -> tuple[Ints, Ints]:
    """Sources and targets of all possible edges, in the order of `place`."""
    targets, sources = np.tril_indices(v, -1)
    return sources, targets
