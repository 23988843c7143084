"""Costs of a whole batch, equal to `presage.architecture.costs.costs` of each architecture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.batch.kinds import table
from presage.architecture.batch.scan import scan_of
from presage.architecture.batch.shapes import BatchShapes, batch_shapes
from presage.architecture.operations import KIND, BatchNorm, Classifier, Convolution, GroupNorm, Linear
from presage.errors import InvalidArgument

__all__ = ["CostArrays", "batch_costs", "node_costs", "weighted"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CostArrays:
    """Costs of `n` architectures for one image, each (n,) int64. Their meaning: `presage.architecture.costs.Costs`."""

    parameters: Ints
    multiply_adds: Ints
    activation_bytes: Ints
    depth: Ints

    def __len__(self) -> int:
        return len(self.parameters)


def batch_costs(batch: GraphBatch, input_shape: Sequence[int], classes: int) -> CostArrays:
    """Costs for images ``(c, h, w)`` and `classes` outputs.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    if classes < 2:
        raise InvalidArgument("classes", "batch_costs", "be at least 2", classes)
    if len(batch) == 0:
        return CostArrays(*(np.zeros(0, np.int64) for _ in range(4)))
    if len(input_shape) != 3:
        raise InvalidArgument("input_shape", "batch_costs", "be (c, h, w)", tuple(input_shape))
    c, h, w = input_shape
    shapes = batch_shapes(batch, (c, h, w), classes)
    parameters, multiply_adds = node_costs(batch, shapes)
    starts = batch.node_start[:-1]
    depth = scan_of(batch).longest(weighted(batch.kind).astype(np.float32)[:, None])[batch.node_start[1:] - 1, 0]
    return CostArrays(
        np.add.reduceat(parameters, starts),
        np.add.reduceat(multiply_adds, starts),
        4 * _peaks(batch, shapes.size),
        depth.astype(np.int64),
    )


def weighted(kind: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Which nodes are weighted layers."""
    return table(Convolution, Linear, Classifier)[kind]


def node_costs(batch: GraphBatch, shapes: BatchShapes) -> tuple[Ints, Ints]:
    """Parameters and multiply-adds of each node, (m,) each."""
    kind = batch.kind
    given = shapes.channels[batch.first_input]
    parameters = np.zeros(len(kind), np.int64)
    multiply_adds = np.zeros(len(kind), np.int64)

    at = np.flatnonzero(kind == KIND[Convolution])
    out = shapes.channels[at]
    area = batch.column("kernel_h")[at].astype(np.int64) * batch.column("kernel_w")[at]
    weights = out * (given[at] // batch.column("groups")[at]) * area
    parameters[at] = weights + out * batch.column("bias")[at]
    multiply_adds[at] = weights * shapes.height[at] * shapes.width[at]

    at = np.flatnonzero(table(Linear, Classifier)[kind])
    multiply_adds[at] = shapes.channels[at] * given[at]
    parameters[at] = multiply_adds[at] + shapes.channels[at] * batch.column("bias")[at]

    at = np.flatnonzero(table(BatchNorm, GroupNorm)[kind])
    parameters[at] = 2 * given[at] * batch.column("affine")[at]
    return parameters, multiply_adds


def _peaks(batch: GraphBatch, size: Ints) -> Ints:
    """(n,) most numbers alive at once, nodes run in their order."""
    last = np.arange(len(size))
    last[batch.edge_source] = batch.edge_target  # edges are in the order of their readers, and the last entry stays
    freed = np.zeros(len(size) + 1, np.int64)
    np.add.at(freed, last + 1, size)
    return np.maximum.reduceat(np.cumsum(size - freed[:-1]), batch.node_start[:-1])
