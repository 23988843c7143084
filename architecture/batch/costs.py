"""Costs of a whole batch, equal to `presage.architecture.costs.costs` of each architecture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import Fields, GraphBatch
from presage.architecture.batch.kinds import WEIGHTED
from presage.architecture.batch.scan import scan_of
from presage.architecture.batch.shapes import BatchShapes, batch_shapes
from presage.architecture.operation import Operation
from presage.architecture.operations import KIND
from presage.errors import InvalidArgument

__all__ = ["CostArrays", "batch_costs", "node_costs"]

Ints = NDArray[np.int64]

_COSTLY = tuple((kind, operation) for operation, kind in KIND.items() if operation.cost is not Operation.cost)


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
    depth = scan_of(batch).longest(WEIGHTED[batch.kind].astype(np.float32)[:, None])[batch.node_start[1:] - 1, 0]
    return CostArrays(
        np.add.reduceat(parameters, starts),
        np.add.reduceat(multiply_adds, starts),
        4 * _peaks(batch, shapes.size),
        depth.astype(np.int64),
    )


def node_costs(batch: GraphBatch, shapes: BatchShapes) -> tuple[Ints, Ints]:
    """Parameters and multiply-adds of each node, (m,) each."""
    kind = batch.kind
    parameters = np.zeros(len(kind), np.int64)
    multiply_adds = np.zeros(len(kind), np.int64)
    for code, operation in _COSTLY:
        at = np.flatnonzero(kind == code)
        if len(at):
            read, made = _Shapes(shapes, batch.first_input[at]), _Shapes(shapes, at)
            parameters[at], multiply_adds[at] = operation.cost(Fields(batch, code, at), read, made)
    return parameters, multiply_adds


class _Shapes:
    """Shapes (c, h, w) of k nodes, each axis an array (k,), taken when asked for."""

    def __init__(self, shapes: BatchShapes, rows: Ints) -> None:
        self._axes, self._rows = (shapes.channels, shapes.height, shapes.width), rows

    def __len__(self) -> int:
        return len(self._axes)  # what is flat has one pixel

    def __getitem__(self, axis: int) -> Ints:
        return self._axes[axis][self._rows]


def _peaks(batch: GraphBatch, size: Ints) -> Ints:
    """(n,) most numbers alive at once, nodes run in their order."""
    last = np.arange(len(size))
    last[batch.edge_source] = batch.edge_target  # edges are in the order of their readers, and the last entry stays
    freed = np.zeros(len(size) + 1, np.int64)
    np.add.at(freed, last + 1, size)
    return np.maximum.reduceat(np.cumsum(size - freed[:-1]), batch.node_start[:-1])
