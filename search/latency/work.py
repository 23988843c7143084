"""What a network does for one image, as sums over its operations: what its latency is estimated from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.batch.kinds import table
from presage.architecture.encoders.canonical_view import Reading
from presage.architecture.encoders.chunks import chunks
from presage.architecture.operations import Add, Classifier, Convolution, Linear

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
    return np.concatenate([_work(Reading.of(piece, input_shape, classes)) for piece in chunks(graphs)])


def _work(reading: Reading) -> Floats:
    batch, kind = reading.batch, reading.kind
    rows = np.flatnonzero(reading.parts)
    multiply_adds = reading.costs[1].astype(np.float64)
    size = reading.shapes.size.astype(np.float64)
    convolution = rows[table(Convolution)[kind[rows]]]
    linear = rows[table(Linear, Classifier)[kind[rows]]]
    other = rows[~table(Convolution, Linear, Classifier)[kind[rows]]]
    groups = batch.column("groups")[convolution]
    read = reading.shapes.channels[reading.first[convolution]]
    wide = batch.column("kernel_h")[convolution].astype(np.int64) * batch.column("kernel_w")[convolution] > 1
    depthwise = (groups > 1) & (groups == read)
    grouped = (groups > 1) & ~depthwise
    columns = [np.ones(len(reading))]
    for chosen in ((groups == 1) & ~wide, (groups == 1) & wide, grouped, depthwise):
        these = convolution[chosen]
        columns += [reading.total(these), reading.total(these, multiply_adds[these])]
    moved = size[convolution] + size[reading.first[convolution]]
    sums = np.flatnonzero(reading.live & table(Add)[kind] & (reading.number != reading.number[reading.first]))
    columns += [
        reading.total(convolution, moved),
        reading.total(linear, multiply_adds[linear]),
        reading.total(other),
        reading.total(other, size[other]),
        reading.total(sums, np.diff(batch.edge_start)[sums] - 1.0),
    ]
    return np.stack(columns, axis=1)
