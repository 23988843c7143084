"""`CanonicalView`: a batch seen through its canonical form, without writing that form out.

Every value a graph computes gets a 64-bit number (`numbering`). Encoders that ask only for *parts* (distinct values
that the classifier needs, sums left out) and for paths are thereby the same for a graph and for its canonical form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.costs import node_costs
from presage.architecture.batch.graph_batch import GraphBatch, runs
from presage.architecture.batch.kinds import WEIGHTED, table
from presage.architecture.batch.segments import NOTHING, Segments, larger, segments_of
from presage.architecture.batch.shapes import BatchShapes, batch_shapes
from presage.architecture.encoders.numbering import HASH_WORDS, OWN, Hashes, mixed, numbers
from presage.architecture.encoders.path_kinds import SegmentKinds, path_kinds, segment_kinds
from presage.architecture.operations import KIND, Add, Input
from presage.errors import InvalidArgument

__all__ = ["Group", "CanonicalView"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

KEPT = (
    "graph", "first", "last", "_numbered", "any_zero", "live", "live_rows", "segments", "ends", "path_kinds",
    "segment_kinds", "passing", "parts", "zero", "number", "depth",
)  # fmt: skip
"""What does not depend on the number of classes."""


@dataclass(frozen=True, eq=False)
class CanonicalView:
    """A batch of `n` architectures with `m` nodes bound to images ``(c, h, w)``.

    Attributes:
        batch: the graphs, as they were given.
        input_shape: of the images.
    """

    batch: GraphBatch
    input_shape: tuple[int, int, int]
    shapes: BatchShapes

    @classmethod
    def of(cls, batch: GraphBatch, input_shape: Sequence[int], classes: int | None = None) -> CanonicalView:
        """Raises `InvalidArchitecture` where some architecture does not take such images."""
        if len(input_shape) != 3:
            raise InvalidArgument("input_shape", "CanonicalView", "be (c, h, w)", tuple(input_shape))
        c, h, w = input_shape
        shape = (c, h, w)
        found = batch.derived(CanonicalView, shape, lambda: cls(batch, shape, batch_shapes(batch, shape)))
        return found if classes is None else found._classified(classes)

    def _classified(self, classes: int) -> CanonicalView:
        """The same with the classifier's outputs known: of what is kept, only its costs differ."""
        made = CanonicalView(self.batch, self.input_shape, self.shapes.classified(self.batch, classes))
        for name in KEPT:
            made.__dict__[name] = getattr(self, name)
        return made

    def __len__(self) -> int:
        return len(self.batch)

    @cached_property
    def kind(self) -> NDArray[np.int16]:
        return self.batch.kind

    def is_a(self, *operations: type[Any]) -> Mask:
        """(m,) which nodes are one of these operations."""
        return table(*operations)[self.kind]

    @cached_property
    def graph(self) -> Ints:
        return self.batch.graph

    @cached_property
    def first(self) -> Ints:
        """(m,) row of the first input."""
        return self.batch.first_input

    @cached_property
    def last(self) -> Ints:
        """(n,) row of the classifier."""
        return self.batch.node_start[1:] - 1

    @cached_property
    def _numbered(self) -> tuple[Hashes, Mask]:
        return numbers(self.batch, self.shapes)

    @cached_property
    def number(self) -> Hashes:
        """(m,) number of the value of each node; 0: always zero."""
        return self._numbered[0]

    @cached_property
    def zero(self) -> Mask:
        """(m,) nodes that are always zero (a classifier of zeros is not)."""
        return np.asarray(self.number == 0)

    @cached_property
    def any_zero(self) -> bool:
        """Whether any node is always zero."""
        return bool(self.zero.any())

    @cached_property
    def live(self) -> Mask:
        """(m,) nodes that are not always zero and that the classifier needs."""
        batch, found = self.batch, ~self.zero
        reads = found[batch.edge_target] if self.any_zero else slice(None)
        readers = np.bincount(batch.edge_source[reads], minlength=len(found))
        unread = found & (readers == 0)
        unread[self.last] = False
        rows = np.flatnonzero(unread)
        while len(rows):  # what only they read is not needed either
            found[rows] = False
            read = batch.edge_source[runs(batch.edge_start, rows)[0]]
            np.subtract.at(readers, read, 1)
            rows = np.unique(read[(readers[read] == 0) & found[read]])
        return found

    @cached_property
    def live_rows(self) -> Ints:
        """(r,) the live nodes."""
        return np.flatnonzero(self.live)

    def of_live(self, values: NDArray[Any]) -> NDArray[Any]:
        """(r,) of these (m,) values, those of the live nodes."""
        return values if len(self.live_rows) == len(values) else values[self.live_rows]

    @cached_property
    def segments(self) -> Segments:
        """The live graph, cut into segments; its nodes are positions in `live_rows`."""
        batch, live = self.batch, self.live
        if len(self.live_rows) == len(live):
            return segments_of(batch)
        source, target = batch.edge_source, batch.edge_target
        kept = np.flatnonzero(live[target] & live[source])
        place = np.cumsum(live) - 1
        source, target = place[source[kept]], place[target[kept]]
        images = np.flatnonzero(self.of_live(self.kind) == KIND[Input])
        return Segments(self.of_live(self.graph), source, target, images)

    @cached_property
    def path_kinds(self) -> NDArray[np.int8]:
        """(r,) what each live node counts as on a path: a row of `path_kinds.GAINS`."""
        rows = self.live_rows
        return path_kinds(self.batch, rows, self.passing[rows])

    @cached_property
    def segment_kinds(self) -> SegmentKinds:
        """How many nodes of each of `path_kinds` the segments of the live graph have."""
        return segment_kinds(self.segments, self.path_kinds)

    @cached_property
    def ends(self) -> Ints:
        """(n,) the place of the segment that each classifier ends."""
        return self.segments.of[np.searchsorted(self.live_rows, self.last)]

    @cached_property
    def passing(self) -> Mask:
        """(m,) nodes that add nothing to a path: sums, and what hands its input on."""
        return np.asarray(self._numbered[1] | (self.kind == KIND[Add]) | self.zero)

    @cached_property
    def parts(self) -> Mask:
        """(m,) distinct live operations: the image, sums and what does nothing left out, equal values counted once."""
        found: Mask = np.asarray(self.live & ~self.passing & (self.kind != KIND[Input]))
        shared = np.flatnonzero(found & ~OWN[self.kind] & (self.batch.column("affine") == 0))
        keys = self._keys(shared)
        order = np.argsort(keys, kind="stable")
        again = np.zeros(len(shared), np.bool_)
        again[order[1:]] = keys[order[1:]] == keys[order[:-1]]
        found[shared[again]] = False
        return found

    def _keys(self, rows: Ints) -> Hashes:
        """One number for each graph and value."""
        return self.number[rows] ^ mixed((self.graph[rows].astype(np.uint64) + np.uint64(1)) * HASH_WORDS[1])

    @cached_property
    def part_edges(self) -> Ints:
        """(e',) edges, as positions in `edge_source`, from a value that is not zero into one of `parts`."""
        return np.flatnonzero(self.parts[self.batch.edge_target] & ~self.zero[self.batch.edge_source])

    def distinct(self, rows: Ints) -> Ints:
        """Of these rows, one for each distinct value of each graph."""
        return rows[np.unique(self._keys(rows), return_index=True)[1]]

    @cached_property
    def costs(self) -> tuple[Ints, Ints]:
        """(m,) parameters and multiply-adds of each node."""
        return node_costs(self.batch, self.shapes)

    @cached_property
    def weighted(self) -> Mask:
        """(m,) weighted layers, the classifier included."""
        return np.asarray(WEIGHTED[self.kind])

    @cached_property
    def depth(self) -> Floats:
        """(m,) most weighted layers on a path from the image to each live node, itself included; −inf where none."""
        segments = self.segments
        so_far = segments.running(self.of_live(self.weighted & ~self.passing).astype(np.int64))
        layers = segments.given(so_far)
        found, read = np.zeros(segments.rows), np.zeros(segments.rows)
        found[NOTHING] = -np.inf

        def own(value: Floats, at: slice) -> None:
            read[at] = value
            value += layers[at]

        segments.scan(found, larger, own)
        depth = np.full(len(self.kind), -np.inf)
        depth[self.live_rows] = read[segments.of] + so_far
        return depth

    # Sums and extremes over the nodes of each graph -----------------------------------------------------------------

    def total(self, rows: Ints, weights: NDArray[Any] | None = None) -> Floats:
        """(n,) how many of `rows` each graph has, or the sum of their weights."""
        return np.bincount(self.graph[rows], weights, minlength=len(self)).astype(np.float64)

    def largest(self, rows: Ints, values: NDArray[Any], default: float = 0.0) -> Floats:
        """(n,) the largest value over those of `rows` in each graph; `default` where there is none."""
        return self._extreme(np.maximum, -np.inf, rows, values, default)

    def smallest(self, rows: Ints, values: NDArray[Any], default: float = 0.0) -> Floats:
        """(n,) the smallest value over those of `rows` in each graph; `default` where there is none."""
        return self._extreme(np.minimum, np.inf, rows, values, default)

    def mean(self, rows: Ints, values: NDArray[Any], default: float = 0.0) -> Floats:
        """(n,) the mean over those of `rows` in each graph; `default` where there is none."""
        count = self.total(rows)
        return np.where(count > 0, self.total(rows, values) / np.maximum(count, 1), default)

    def _extreme(self, function: Any, empty: float, rows: Ints, values: NDArray[Any], default: float) -> Floats:
        found = np.full(len(self), empty)
        if len(rows):
            graph = self.graph[rows]  # ascending, as rows are
            starts = np.flatnonzero(np.concatenate([np.ones(1, np.bool_), np.diff(graph) > 0]))
            found[graph[starts]] = function.reduceat(values.astype(np.float64), starts)
        return np.where(np.isfinite(found), found, default)


Group = Callable[[CanonicalView], dict[str, NDArray[Any]]]
"""A group of features: name → (n,) values."""
