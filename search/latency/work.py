"""What a network does for one image, as sums over its operations: what its latency is estimated from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.batch.kinds import READS_FLAT, WEIGHTED, table
from presage.architecture.encoders.canonical_view import CanonicalView
from presage.architecture.encoders.chunks import chunks
from presage.architecture.operations import Add, Convolution

__all__ = ["WORK", "work"]

Floats = NDArray[np.float64]

WORK = (
    "constant",
    "dense 1x1 convolutions",
    "dense 1x1 convolutions: multiply-adds",
    "dense wide convolutions",
    "dense wide convolutions: multiply-adds",
    "grouped convolutions",
    "grouped convolutions: multiply-adds",
    "depthwise convolutions",
    "depthwise convolutions: multiply-adds",
    "convolutions: numbers read and written",
    "linear layers: parameters",
    "other operations",
    "other operations: numbers written",
    "sums",
)
"""Columns of `work`. Each is a count, at least 0, that takes time: more of it never makes a network faster."""


def work(graphs: GraphBatch, input_shape: Sequence[int], classes: int) -> Floats:
    """(n, f) the columns of `WORK`, for images ``(c, h, w)``; the same for every way of writing one network.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    return np.concatenate([_work(CanonicalView.of(piece, input_shape, classes)) for piece in chunks(graphs)])


def _work(view: CanonicalView) -> Floats:
    batch, kind = view.batch, view.kind
    rows = np.flatnonzero(view.parts)
    multiply_adds = view.costs[1].astype(np.float64)
    size = view.shapes.size.astype(np.float64)
    convolution = rows[table(Convolution)[kind[rows]]]
    linear = rows[(WEIGHTED & READS_FLAT)[kind[rows]]]
    other = rows[~WEIGHTED[kind[rows]]]
    groups = batch.column("groups")[convolution]
    read = view.shapes.channels[view.first[convolution]]
    wide = batch.column("kernel_h")[convolution].astype(np.int64) * batch.column("kernel_w")[convolution] > 1
    depthwise = (groups > 1) & (groups == read)
    grouped = (groups > 1) & ~depthwise
    columns = [np.ones(len(view))]
    for chosen in ((groups == 1) & ~wide, (groups == 1) & wide, grouped, depthwise):
        these = convolution[chosen]
        columns += [view.total(these), view.total(these, multiply_adds[these])]
    moved = size[convolution] + size[view.first[convolution]]
    sums = np.flatnonzero(view.live & table(Add)[kind] & (view.number != view.number[view.first]))
    columns += [
        view.total(convolution, moved),
        view.total(linear, multiply_adds[linear]),
        view.total(other),
        view.total(other, size[other]),
        view.total(sums, np.diff(batch.edge_start)[sums] - 1.0),
    ]
    return np.stack(columns, axis=1)
