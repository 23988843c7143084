"""A network's scaled-down twin: the same graph with its repeats taken once and its widths divided.

People make a network larger by repeating its cells and by widening all of its layers. What is learned from small
networks holds for large ones as far as their twins go, which stay where small networks are, however deep and wide the
originals.

A repeat is found in the order of the nodes: a run of nodes that the next nodes say again, with equal operations and
shapes and with inputs as far behind them. So a cell may read the two cells before it, as those of DARTS do. Of every
repeat, the longest first, one copy stays; what read another copy reads that one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import ATTRIBUTES, GraphBatch, runs
from presage.architecture.batch.shapes import BatchShapes, batch_shapes
from presage.architecture.encoders.numbering import HASH_WORDS, Hashes, mixed
from presage.architecture.operations import KIND, Convolution, Input

__all__ = ["scaled_down"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

STEM = 8
"""Channels of a twin's first convolution, or fewer where the network's own has fewer."""
LEAST_REPEAT = 3
"""Nodes of a repeat, at least: a convolution, its normalisation and its activation."""
LEAST_SHARE = 1 / 8
"""Of a network's nodes that a repeat and its copies make up, at least: two like layers are no design of repeats."""


@dataclass(frozen=True, slots=True)
class _Repeat:
    """`copies` equal runs of `period` nodes, one after the other, from row `start`."""

    start: int
    period: int
    copies: int


def scaled_down(batch: GraphBatch, input_shape: tuple[int, int, int], rows: Ints | None = None) -> GraphBatch:
    """The twins of n networks for images ``(c, h, w)``: a batch to encode at this shape, not one to build.

    Its shapes are set, not worked out: widths are divided by one number for each network and rounded, and no sum or
    concatenation need fit any more.

    Args:
        batch: the networks.
        input_shape: of the images.
        rows: (n,) which of them; None: all.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    index = np.arange(len(batch)) if rows is None else rows
    some, known = batch.take(index), batch.kept(BatchShapes)
    if known is None or known[0] != input_shape:
        shapes = batch_shapes(some, input_shape)
    else:
        shapes = known[1].between(runs(batch.node_start, index)[0])
    twin, shapes = _without_repeats(some, shapes)
    twin, shapes = _narrowed(twin, shapes, input_shape[0])
    twin.derived(BatchShapes, input_shape, lambda: shapes)
    return twin


def _without_repeats(batch: GraphBatch, shapes: BatchShapes) -> tuple[GraphBatch, BatchShapes]:
    repeats = _repeats(batch, shapes)
    if not repeats:
        return batch, shapes
    kept, copy = np.ones(len(batch.kind), np.bool_), np.arange(len(batch.kind))
    for repeat in repeats:
        one = repeat.start + repeat.period
        others = slice(one, repeat.start + repeat.copies * repeat.period)
        kept[others] = False
        copy[others] = repeat.start + (copy[others] - one) % repeat.period
    rows = np.flatnonzero(kept)
    edges, edge_start = runs(batch.edge_start, rows)
    place = np.cumsum(kept) - 1
    left = np.add.reduceat(kept, batch.node_start[:-1], dtype=np.int64)
    node_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(left)])
    source = place[copy[batch.edge_source[edges]]]
    twin = GraphBatch(node_start, batch.kind[rows], batch.fields_of(rows), edge_start, source)
    return twin, shapes.between(rows)


def _repeats(batch: GraphBatch, shapes: BatchShapes) -> list[_Repeat]:
    """Repeats that do not overlap: those of most nodes first, of these the ones of the shortest period."""
    said, longest = _said(batch, shapes), int(np.diff(batch.node_start).max(initial=0))
    least = LEAST_SHARE * np.diff(batch.node_start)[batch.graph]
    found: list[_Repeat] = []
    for period in range(LEAST_REPEAT, longest // 2 + 1):
        again = said[:-period] == said[period:]
        if np.count_nonzero(again) < period:
            continue
        turns = np.diff(np.concatenate([[0], again.view(np.int8), [0]]))
        begins, ends = np.flatnonzero(turns == 1), np.flatnonzero(turns == -1)
        copies = (ends - begins) // period + 1
        several = (copies > 1) & (copies * period >= least[begins])
        found += [
            _Repeat(start, period, number)
            for start, number in zip(begins[several].tolist(), copies[several].tolist(), strict=True)
        ]
    found.sort(key=lambda repeat: (-repeat.copies * repeat.period, repeat.period, repeat.start))
    taken, chosen = np.zeros(len(said), np.bool_), []
    for repeat in found:
        rows = slice(repeat.start, repeat.start + repeat.copies * repeat.period)
        if not taken[rows].any():
            taken[rows] = True
            chosen.append(repeat)
    return chosen


def _said(batch: GraphBatch, shapes: BatchShapes) -> Hashes:
    """(m,) one number for each node's graph, operation, shape and how far behind it its inputs are, in any order."""
    words = iter(HASH_WORDS[::-1])
    number = (batch.kind.astype(np.uint64) + np.uint64(1)) * next(words)
    for column, word in zip(range(len(ATTRIBUTES)), words, strict=False):
        values = batch.attributes[:, column]
        if values.any():
            number += values.astype(np.uint64) * word
    number = mixed(number + batch.graph.astype(np.uint64) * HASH_WORDS[5])
    for size, word in zip((shapes.channels, shapes.height, shapes.width), HASH_WORDS, strict=False):
        number = mixed(number + size.astype(np.uint64) * word)
    behind = mixed((batch.edge_target - batch.edge_source).astype(np.uint64) * HASH_WORDS[3])
    read = np.zeros(len(number), np.uint64)
    np.add.at(read, batch.edge_target, behind)
    return mixed(number + read)


def _narrowed(batch: GraphBatch, shapes: BatchShapes, image: int) -> tuple[GraphBatch, BatchShapes]:
    convolution = batch.kind == KIND[Convolution]
    stems = np.flatnonzero(convolution & (batch.kind[batch.first_input] == KIND[Input]))
    widest = np.full(len(batch), STEM)
    np.maximum.at(widest, batch.graph[stems], shapes.channels[stems])
    divisor = (widest / STEM)[batch.graph]
    narrow = np.maximum(np.rint(shapes.channels / divisor), 1).astype(np.int64)
    channels = np.where(shapes.channels <= image, shapes.channels, narrow)  # the image keeps its channels
    read, reads = shapes.channels[batch.first_input], channels[batch.first_input]
    attributes = batch.attributes  # of a copy that nobody else has
    width, groups = ATTRIBUTES.index("channels"), ATTRIBUTES.index("groups")
    attributes[convolution, width] = channels[convolution]
    grouped = np.flatnonzero(convolution & (batch.attributes[:, groups] > 1))
    number = batch.attributes[grouped, groups]
    attributes[grouped, groups] = np.where(number == read[grouped], reads[grouped], np.minimum(number, reads[grouped]))
    twin = GraphBatch(batch.node_start, batch.kind, attributes, batch.edge_start, batch.edge_source)
    return twin, BatchShapes(channels, shapes.height, shapes.width, shapes.flat)
