"""Costs of thousands of networks at once that are surely right: where no 64-bit number can have run over.

`presage.architecture.costs` counts in whole numbers of any size, `presage.architecture.batch.costs` in 64 bits.
Somebody else's network can be so wide that the two differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.costs import CostArrays, node_costs
from presage.architecture.batch.graph_batch import Fields, GraphBatch
from presage.architecture.batch.kinds import WEIGHTED
from presage.architecture.batch.scan import scan_of
from presage.architecture.batch.shapes import batch_shapes
from presage.architecture.operations import OPERATIONS

__all__ = ["CostsByClasses", "costs_by_classes", "has_small_numbers", "sure_costs"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_FIELD = 2**15
"""Of a field of an operation: products of two, as windows have them, stay within 32 bits."""
_SIZE = 2.0**31
"""Of an output: from such, no operation makes one that 64 bits do not hold."""
_COST = 2.0**60


def has_small_numbers(batch: GraphBatch) -> Mask:
    """(n,) networks all of whose operations have small fields, so that their shapes can be worked out all at once."""
    large = np.flatnonzero((np.abs(batch.attributes) >= _FIELD).any(axis=1))
    found: Mask = np.bincount(batch.graph[large], minlength=len(batch)) == 0
    return found


@dataclass(frozen=True, eq=False)
class CostsByClasses:
    """Costs of n networks of small numbers on images of one shape, whatever the number of classes.

    A classifier's parameters, multiply-adds and output are in proportion to the classes; nothing else depends on them.

    Attributes:
        fixed: (n,) costs of all but the classifier; of activations, the most numbers that are alive before it runs.
        each: (n,) parameters, multiply-adds and output of the classifier for one class, in `activation_bytes` in
            numbers, not bytes.
        beside: (n,) numbers that are alive beside the classifier's output.
        sure: (n,) which are surely right, for as many classes as were asked for.
    """

    fixed: CostArrays
    each: CostArrays
    beside: Ints
    sure: Mask

    def of(self, rows: Ints, classes: Ints) -> CostArrays:
        """(r,) costs of these networks for so many classes, (r,)."""
        fixed, each = self.fixed, self.each
        last = self.beside[rows] + classes * each.activation_bytes[rows]
        return CostArrays(
            fixed.parameters[rows] + classes * each.parameters[rows],
            fixed.multiply_adds[rows] + classes * each.multiply_adds[rows],
            4 * np.maximum(fixed.activation_bytes[rows], last),
            fixed.depth[rows],
        )


def sure_costs(batch: GraphBatch, input_shape: Sequence[int], classes: int) -> tuple[CostArrays, Mask]:
    """Costs of n networks of small numbers (`has_small_numbers`), and of which of them, (n,), they are surely right.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    found = costs_by_classes(batch, input_shape, classes)
    return found.of(np.arange(len(batch)), np.full(len(batch), classes)), found.sure


def costs_by_classes(batch: GraphBatch, input_shape: Sequence[int], most_classes: int) -> CostsByClasses:
    """Costs of n networks of small numbers (`has_small_numbers`) for any number of classes up to so many.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    shapes = batch_shapes(batch, input_shape, 1)
    axes = [axis.astype(np.float64) for axis in (shapes.channels, shapes.height, shapes.width)]
    first, last = batch.node_start[:-1], batch.node_start[1:] - 1
    axes[0][last] = most_classes
    size = axes[0] * axes[1] * axes[2]
    most = 4 * size
    for kind, operation in enumerate(OPERATIONS):
        rows = np.flatnonzero(batch.kind == kind)
        if len(rows):
            read, made = ([axis[at] for axis in axes] for at in (batch.first_input[rows], rows))
            learned, work = operation.cost(Fields(batch, kind, rows), read, made)
            most[rows] += learned + work
    sure = (np.maximum.reduceat(size, first) < _SIZE) & (np.add.reduceat(most, first) < _COST)
    parameters, multiply_adds = node_costs(batch, shapes)
    depth = scan_of(batch).longest(WEIGHTED[batch.kind].astype(np.float32)[:, None])[last, 0].astype(np.int64)
    alive, numbers = _alive(batch, shapes.size), shapes.size[last]
    beside = alive[last] - numbers
    alive[last] = 0
    learned, work = (np.add.reduceat(values, first) - values[last] for values in (parameters, multiply_adds))
    return CostsByClasses(
        CostArrays(learned, work, np.maximum.reduceat(alive, first), depth),
        CostArrays(parameters[last], multiply_adds[last], numbers, depth),
        beside,
        sure,
    )


def _alive(batch: GraphBatch, size: Ints) -> Ints:
    """(m,) numbers alive while each node runs, as `presage.architecture.batch.costs` counts them."""
    last = np.arange(len(size))
    last[batch.edge_source] = batch.edge_target
    freed = np.zeros(len(size) + 1, np.int64)
    np.add.at(freed, last + 1, size)
    return np.cumsum(size - freed[:-1])
