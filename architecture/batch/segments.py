"""`Segments`: graphs cut into runs of nodes, so that recurrences visit runs instead of nodes, many graphs together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch

__all__ = ["BEFORE", "IMAGE", "NOTHING", "Join", "Layer", "Segments", "added", "in_order", "larger", "segments_of"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

NOTHING, IMAGE = 0, 1
"""What a segment without inputs reads: nothing, or, where it begins with the image, what lies before that."""
BEFORE = 2
"""Rows of a recurrence before those of the segments: `NOTHING` and `IMAGE`."""

Join = Callable[[NDArray[Any], NDArray[Any], slice], None]
"""``join(value, other, at)``: joins further inputs, of the segments at these places, to `value` in place."""


def larger(value: NDArray[Any], other: NDArray[Any], _: slice) -> None:
    """Of several inputs, the largest."""
    np.maximum(value, other, out=value)


def added(value: NDArray[Any], other: NDArray[Any], _: slice) -> None:
    """The sum of several inputs."""
    np.add(value, other, out=value)


@dataclass(frozen=True, slots=True)
class _Step:
    """The segments at one position of their graphs, those with most inputs first.

    Attributes:
        at: their places.
        first: (s,) the place of the first input of each.
        further: for the second, third … input: of how many segments (they come first), and its places.
    """

    at: slice
    first: Ints
    further: tuple[tuple[int, Ints], ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """Some nodes, at most one of each segment, in the order in which a scan comes to them.

    Attributes:
        which: (k,) their positions among the nodes asked for.
        places: (k,) the places of their segments, ascending.
        cuts: by the first place of each step, which of them the step holds.
    """

    which: Ints
    places: Ints
    cuts: dict[int, slice]


class Segments:
    """A segment is a run of rows, each of which reads the row before and nothing else, and is all that reads it.

    What a segment does to a value is composed once, over all segments together; a recurrence then takes as many numpy
    calls as the largest graph has segments, each on contiguous rows: a segment has its *place* in the order of visits.

    Attributes:
        start: (s,) the first node of each segment, in order of nodes.
        end: (s,) the last node of each.
        place: (s,) the place of each segment, in order of nodes; from `BEFORE` on.
        of: (m,) the place of each node's segment.
        head: (m,) which nodes begin a segment.
        degree: (m,) how many inputs each node has.
    """

    def __init__(self, graph: Ints, source: Ints, target: Ints, images: Ints) -> None:
        """Of m nodes, graph after graph and each after its inputs.

        Args:
            graph: (m,) the graph of each node, ascending.
            source: (e,) the node each edge leads from.
            target: (e,) the node each edge leads into, ascending.
            images: the nodes that are images.
        """
        m = len(graph)
        degree = self.degree = np.bincount(target, minlength=m)
        direct = (source == target - 1) & (degree[target] == 1)
        head = np.ones(m, np.bool_)
        head[target[direct]] = False
        head[source[~direct] + 1] = True
        self.head = head
        self.start = np.flatnonzero(head)
        s = len(self.start)
        self._lengths = np.diff(self.start, append=m)
        self.end = self.start + self._lengths - 1
        counts = np.bincount(graph[self.start]) if s else np.zeros(0, np.int64)
        step = np.arange(s) - np.repeat(np.cumsum(counts) - counts, counts)
        inputs = degree[self.start]
        most = int(inputs.max(initial=0))
        self.place = np.empty(s, np.int64)
        self.place[in_order(step * (most + 1) + most - inputs)] = np.arange(BEFORE, s + BEFORE)
        self.of = np.repeat(self.place, self._lengths)

        edges = np.flatnonzero(head[target])
        segment = np.repeat(np.arange(s), inputs)
        rank = np.arange(len(edges)) - np.repeat(np.cumsum(inputs) - inputs, inputs)
        read = self.of[source[edges]]
        first = np.zeros(s + BEFORE, np.int64)  # `NOTHING`
        first[self.of[images]] = IMAGE
        once = rank == 0
        first[self.place[segment[once]]] = read[once]
        later = np.flatnonzero(~once)
        group = step[segment[later]] * (most + 1) + rank[later]
        order = np.argsort(group * (s + BEFORE) + self.place[segment[later]])
        later, group = later[order], group[order]
        further: dict[int, list[tuple[int, Ints]]] = {}
        cuts = np.flatnonzero(np.diff(group)) + 1
        for these, at in zip(np.split(read[later], cuts), [0, *cuts.tolist()], strict=True) if len(later) else ():
            further.setdefault(int(group[at]) // (most + 1), []).append((len(these), these))
        bounds = BEFORE + np.cumsum([0, *np.bincount(step).tolist()]) if s else np.zeros(1, np.int64)
        self._steps = [
            _Step(slice(begin, end), first[begin:end], tuple(further.get(at, ())))
            for at, (begin, end) in enumerate(zip(bounds.tolist(), bounds[1:].tolist(), strict=False))
        ]

    @property
    def rows(self) -> int:
        """Rows of a recurrence: `BEFORE` and one for each segment."""
        return BEFORE + len(self.start)

    def scan(self, found: NDArray[Any], join: Join, own: Callable[[NDArray[Any], slice], None]) -> None:
        """Fill in `found`, segment after segment.

        Args:
            found: (rows, …); its first rows say what `NOTHING` and `IMAGE` give, the others become what each segment
                gives.
            join: joins the next inputs to what the segments at these places read so far, in place.
            own: turns what the segments at these places read into what they give, in place.
        """
        for step in self._steps:
            value, seen = found[step.at], found[: step.at.start]
            seen.take(step.first, axis=0, out=value, mode="clip")  # other modes write by way of a buffer
            for count, source in step.further:
                join(value[:count], seen.take(source, axis=0), slice(step.at.start, step.at.start + count))
            own(value, step.at)

    def placed(self, values: NDArray[Any]) -> NDArray[Any]:
        """(rows, …) of (s, …) values of the segments, in order of nodes, those in order of places; zeros before."""
        found = np.zeros((self.rows, *values.shape[1:]), values.dtype)
        found[self.place] = values
        return found

    def given(self, values: NDArray[Any]) -> NDArray[Any]:
        """(rows,) of these (m,) values, those of the last node of each segment, in places; zeros before."""
        return self.placed(values[self.end])

    def least(self, values: NDArray[Any]) -> NDArray[Any]:
        """(rows,) the smallest of these (m,) values in each segment, in places; ones before."""
        found = np.ones(self.rows, values.dtype)
        if len(self.start):
            found[self.place] = np.minimum.reduceat(values, self.start)
        return found

    def pieces(self, marked: Mask, read: NDArray[Any], made: NDArray[Any]) -> tuple[Ints, NDArray[Any]]:
        """Where values change: (p,) the nodes that begin a segment or are marked, and (p, …) their values.

        Args:
            marked: (m,) nodes that make a value of their own.
            read: (rows, …) what each segment reads.
            made: (k, …) what each marked node makes.
        """
        begins = np.flatnonzero(self.head | marked)
        values = read[self.of[begins]]
        values[marked[begins]] = made
        return begins, values

    def layers(self, nodes: Ints) -> list[Layer]:
        """These nodes, ascending: the first of each segment, then the second of each …"""
        order, places = self.order_within(nodes), self.of[nodes]
        begins = [step.at.start for step in self._steps]
        found = []
        for rank in range(int(order.max(initial=-1)) + 1):
            which = np.flatnonzero(order == rank)
            which = which[np.argsort(places[which])]
            ends = [*np.searchsorted(places[which], begins).tolist(), len(which)]
            cuts = {begin: slice(*cut) for begin, cut in zip(begins, pairwise(ends), strict=True)}
            found.append(Layer(which, places[which], cuts))
        return found

    def order_within(self, nodes: Ints) -> Ints:
        """(k,) for each of these nodes, ascending, how many of them come before it in its segment."""
        segment = self.of[nodes]
        begins = np.flatnonzero(np.diff(segment, prepend=-1))
        return np.arange(len(nodes)) - np.repeat(begins, np.diff(begins, append=len(nodes)))

    def latest(self, marked: Mask) -> Ints:
        """(m,) the last marked node of the segment up to each node, itself included; the segment's head if none is."""
        return np.asarray(np.maximum.accumulate(np.where(marked | self.head, np.arange(len(marked)), 0)))

    def running(self, values: NDArray[Any]) -> NDArray[Any]:
        """(m,) sums over the segment up to each node, itself included."""
        total = np.cumsum(values)
        return np.asarray(total - np.repeat(total[self.start] - values[self.start], self._lengths))


def segments_of(batch: GraphBatch) -> Segments:
    """The graphs of a batch, cut into segments; made once."""
    images = batch.node_start[:-1]
    return batch.derived(Segments, (), lambda: Segments(batch.graph, batch.edge_source, batch.edge_target, images))


def in_order(key: Ints) -> Ints:
    """Positions that sort these whole numbers of at least 0, equal ones as they stand."""
    # numpy sorts 16-bit integers by radix: several times faster
    small = key.astype(np.uint16) if len(key) and key.max() < 2**16 else key
    return np.argsort(small, kind="stable")
