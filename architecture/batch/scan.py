"""`Scan`: visit the nodes of all graphs of a batch together, each after its inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.batch.segments import in_order

__all__ = ["Scan", "Step", "scan_of"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Step:
    """The nodes at one position of their graphs.

    Attributes:
        rows: (s,) their rows in the batch.
        first: (s,) the row of the first input of each (its own row, if it has none).
        further: for the second, third … input: which of `rows` have one (positions in `rows`), and its row.
    """

    rows: Ints
    first: Ints
    further: tuple[tuple[Ints, Ints], ...]


class Scan:
    """The steps of a batch: step t holds the t-th node of every graph that has one, so inputs lie in earlier steps.

    A recurrence over graphs then takes as many numpy calls as the largest graph has nodes, whatever their number.
    """

    def __init__(self, batch: GraphBatch) -> None:
        sizes = np.diff(batch.node_start)
        m = len(batch.kind)
        local = np.arange(m) - np.repeat(batch.node_start[:-1], sizes)
        order = in_order(local)
        bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(local))]) if m else np.zeros(1, np.int64)
        degree = np.diff(batch.edge_start)
        has = degree > 0
        first = np.arange(m)
        first[has] = batch.edge_source[batch.edge_start[:-1][has]]

        target = batch.edge_target
        rank = np.arange(len(target)) - batch.edge_start[:-1][target]
        later = np.flatnonzero(rank > 0)
        most = int(rank.max(initial=0))
        key = local[target[later]] * (most + 1) + rank[later]
        later = later[np.argsort(key, kind="stable")]
        key.sort()
        cuts = np.flatnonzero(np.diff(key)) + 1
        place = np.empty(m, np.int64)
        place[order] = np.arange(m)
        groups: dict[int, list[tuple[Ints, Ints]]] = {}
        for edges in np.split(later, cuts) if len(later) else ():
            step = int(local[target[edges[0]]])
            groups.setdefault(step, []).append((place[target[edges]] - bounds[step], batch.edge_source[edges]))
        self._steps = []
        for step in range(len(bounds) - 1):
            rows = order[bounds[step] : bounds[step + 1]]
            self._steps.append(Step(rows, first[rows], tuple(groups.get(step, ()))))

    def __iter__(self) -> Iterator[Step]:
        """The steps after the first (which holds the images), in order."""
        return iter(self._steps[1:])

    def __reversed__(self) -> Iterator[Step]:
        return reversed(self._steps[1:])

    @property
    def images(self) -> Ints:
        """(n,) the rows of the images."""
        return self._steps[0].rows if self._steps else np.zeros(0, np.int64)

    def longest(self, gains: Floats, blocked: NDArray[np.bool_] | None = None) -> Floats:
        """Longest paths from the image: (m, q) for q kinds of length at once.

        Args:
            gains: (m, q) what each node adds to the lengths (its own included). Shortest paths: give negative gains.
            blocked: (m,) nodes that no path goes through.

        Returns:
            (m, q) ``max over inputs of its length + gain``; −inf where no path leads.
        """
        found = np.empty_like(gains)
        found[self.images] = gains[self.images]
        for step in self:
            value = found[step.first]
            for at, source in step.further:
                value[at] = np.maximum(value[at], found[source])
            value += gains[step.rows]
            if blocked is not None:
                value[blocked[step.rows]] = -np.inf
            found[step.rows] = value
        return found

    def latest(self, keep: Floats, gains: Floats) -> Floats:
        """(m, q) ``keep · (max over inputs) + gain``: runs since something last happened; 0 at the image."""
        found = np.zeros_like(gains)
        for step in self:
            value = found[step.first]
            for at, source in step.further:
                value[at] = np.maximum(value[at], found[source])
            found[step.rows] = value * keep[step.rows] + gains[step.rows]
        return found


def scan_of(batch: GraphBatch) -> Scan:
    """The order in which recurrences visit the nodes of a batch; made once."""
    return batch.derived(Scan, (), lambda: Scan(batch))
