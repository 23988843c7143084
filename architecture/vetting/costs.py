"""Costs of thousands of networks at once that are surely right: where no 64-bit number can have run over.

`presage.architecture.costs` counts in whole numbers of any size, `presage.architecture.batch.costs` in 64 bits.
Somebody else's network can be so wide that the two differ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.costs import CostArrays, batch_costs
from presage.architecture.batch.graph_batch import Fields, GraphBatch
from presage.architecture.batch.shapes import batch_shapes
from presage.architecture.operations import OPERATIONS

__all__ = ["has_small_numbers", "sure_costs"]

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


def sure_costs(batch: GraphBatch, input_shape: Sequence[int], classes: int) -> tuple[CostArrays, Mask]:
    """Costs of n networks of small numbers (`has_small_numbers`), and of which of them, (n,), they are surely right.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it.
    """
    shapes = batch_shapes(batch, input_shape, classes)
    axes = [axis.astype(np.float64) for axis in (shapes.channels, shapes.height, shapes.width)]
    size = axes[0] * axes[1] * axes[2]
    most = 4 * size
    for kind, operation in enumerate(OPERATIONS):
        rows = np.flatnonzero(batch.kind == kind)
        read, made = ([axis[at] for axis in axes] for at in (batch.first_input[rows], rows))
        learned, work = operation.cost(Fields(batch, kind, rows), read, made)
        most[rows] += learned + work
    first = batch.node_start[:-1]
    sure = (np.maximum.reduceat(size, first) < _SIZE) & (np.add.reduceat(most, first) < _COST)
    return batch_costs(batch, input_shape, classes), sure
