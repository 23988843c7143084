"""Networks of repeated cells whose nodes sum two operations: what `darts`, `enas_micro` and `nasnet` share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.builder import GraphBatchBuilder, Nodes
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    AveragePool,
    BatchNorm,
    Classifier,
    Concatenate,
    Convolution,
    Flatten,
    MaxPool,
)

__all__ = [
    "CELL_OPERATIONS",
    "NASNET_OPERATIONS",
    "STEM",
    "Wiring",
    "edge",
    "projected",
    "reduction_cells",
    "write_cells",
]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

CELL_OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""What an edge of a cell may be: the names of DARTS (arXiv 1806.09055, section 3.1.1)."""

NASNET_OPERATIONS = (
    *CELL_OPERATIONS,
    "sep_conv_7x7",
    "conv_1x1",
    "conv_3x3",
    "conv_1x3_3x1",
    "conv_1x7_7x1",
    "max_pool_5x5",
    "max_pool_7x7",
)
"""The same and the others of NASNet (arXiv 1707.07012, section 3)."""

MAX_POOL, AVERAGE_POOL, SKIP, SEPARABLE3, SEPARABLE5, DILATED3, DILATED5 = range(7)
SEPARABLE7, POINTWISE, DENSE, FACTORED3, FACTORED7, MAX_POOL5, MAX_POOL7 = range(7, 14)
KERNELS = np.array([3, 3, 1, 3, 5, 3, 5, 7, 1, 3, 3, 7, 5, 7])
STEM = 3  # the stem is so many times as wide as the first cell


@dataclass(frozen=True, eq=False)
class Wiring:
    """The normal, or the reduction, cells of n architectures: q nodes, each the sum of two operations.

    Attributes:
        inputs: (n, q, 2) the states that each node reads: 0 is the output of the cell before the last, 1 that of the
            last cell, 2 the cell's first node, and so on.
        operations: (n, q, 2) positions in `NASNET_OPERATIONS`.
        ends: (n, q) which nodes make up the cell's output, one after the other.
        passes: (n,) whether the output of the cell before the last stands before them.
    """

    inputs: Ints
    operations: Ints
    ends: Mask
    passes: Mask | None = None

    def reads(self, state: int) -> Mask:
        """(n,) whether a state has a part in the cell."""
        read = (self.inputs == state).any(axis=(1, 2))
        return np.asarray(read | self.passes if state == 0 and self.passes is not None else read, np.bool_)


def reduction_cells(cells: int) -> tuple[int, int]:
    """Which of so many cells halve the side and double the width: those at a third and at two thirds."""
    return cells // 3, 2 * cells // 3


def write_cells(normal: Wiring, reduction: Wiring, cells: int, width: int, stride: int) -> GraphBatch:
    """The networks: a stem of this stride, `cells` cells that each read the two before them, pooling, the classifier.

    The skeleton is that of DARTS. Where its authors halve a map with two pointwise convolutions of stride 2, one of
    them shifted by a pixel, the map is averaged over 2 x 2 pixels and then convolved: as many weights and as many
    multiply-adds, and it works for an odd side too. A cell that none of the later ones reads is left out.
    """
    builder = GraphBatchBuilder(len(normal.ends))
    reductions = reduction_cells(cells)
    kinds = [reduction if cell in reductions else normal for cell in range(cells)]
    alive = _alive(kinds)
    x = builder.add(Convolution, builder.image, channels=STEM * width, stride=stride)
    x = builder.add(Activation, builder.add(BatchNorm, x))
    before, last = x, x  # after a ReLU: whatever reads a cell's output begins with one
    for cell, wiring in enumerate(kinds):
        halve = cell in reductions
        if halve:
            width *= 2
        left = projected(builder, before, width, alive[cell] & wiring.reads(0), halve=cell - 1 in reductions)
        right = projected(builder, last, width, alive[cell] & wiring.reads(1), halve=False)
        x = _cell(builder, left, right, wiring, width, alive[cell], halve)
        if cell < cells - 1:
            x = builder.add(Activation, x, where=alive[cell])
        before, last = last, x
    x = builder.add(Flatten, builder.add(AdaptiveAveragePool, x))
    builder.add(Classifier, x)
    return builder.finish()


def _alive(kinds: list[Wiring]) -> list[Mask]:
    """For each cell (n,) whether the classifier depends on it."""
    alive = [np.ones(len(kinds[0].ends), np.bool_)]
    for cell in range(len(kinds) - 2, -1, -1):
        needed = alive[0] & kinds[cell + 1].reads(1)
        if cell + 2 < len(kinds):
            needed = needed | (alive[1] & kinds[cell + 2].reads(0))
        alive.insert(0, needed)
    return alive


def projected(
    builder: GraphBatchBuilder, x: Nodes, width: int, where: Mask, *, halve: bool, affine: bool = True
) -> Nodes:
    """x, activated already, brought to the width of a cell, and to half its side if so asked; -1 outside `where`."""
    if halve:
        x = builder.add(AveragePool, x, where=where, ceil=True)
    x = builder.add(Convolution, x, where=where, channels=width, kernel=1, padding=0)
    return builder.add(BatchNorm, x, where=where, affine=affine)


def _cell(
    builder: GraphBatchBuilder, left: Nodes, right: Nodes, wiring: Wiring, width: int, where: Mask, halve: bool
) -> Nodes:
    """The output of a cell on its two inputs; -1 outside `where`."""
    activated = _convolves(wiring.operations)
    if halve:  # the skip of an input becomes a strided projection, which begins with a ReLU
        activated = activated | ((wiring.operations == SKIP) & (wiring.inputs < 2))
    states: list[Nodes] = [left, right]
    relus: list[Nodes] = []
    for node in range(wiring.ends.shape[1]):
        for state in range(len(relus), len(states)):
            read = (activated & (wiring.inputs == state)).any(axis=(1, 2))
            relus.append(builder.add(Activation, states[state], where=where & read))
        raw, relu = np.stack(states, axis=1), np.stack(relus, axis=1)
        terms = []
        for side in (0, 1):
            source = wiring.inputs[:, node, side]
            at = source[:, None]
            x, active = (np.take_along_axis(found, at, axis=1)[:, 0] for found in (raw, relu))
            stride = np.where(halve & (source < 2), 2, 1)
            terms.append(edge(builder, x, active, wiring.operations[:, node, side], width, stride, where))
        states.append(builder.add(Add, *terms, where=where))
    number = wiring.ends.sum(axis=1)
    ends = [np.where(wiring.ends[:, node], state, -1) for node, state in enumerate(states[2:])]
    if wiring.passes is not None:
        passed = where & wiring.passes
        number = number + wiring.passes
        ends.insert(0, projected(builder, left, width, passed, halve=True) if halve else np.where(passed, left, -1))
    joined = builder.add(Concatenate, *ends, where=where & (number > 1))
    return np.where(number > 1, joined, np.max(ends, axis=0))


def edge(
    builder: GraphBatchBuilder,
    x: Nodes,
    relu: Nodes,
    operation: Ints,
    width: int,
    stride: Ints,
    where: Mask,
    *,
    affine: bool = True,
) -> Nodes:
    """An operation on x, whose ReLU is `relu`, each architecture's own; -1 outside `where`."""
    again = where & np.isin(operation, (SEPARABLE3, SEPARABLE5, SEPARABLE7))
    dilated = np.isin(operation, (DILATED3, DILATED5))
    kernel = KERNELS[operation]
    dilation = np.where(dilated, 2, 1)
    found = _separable(builder, relu, again | (where & dilated), width, kernel, stride, dilation, affine)
    second = builder.add(Activation, found, where=again)
    one = np.ones_like(stride)
    second = _separable(builder, second, again, width, kernel, one, one, affine)
    found = np.where(again, second, found)
    dense = where & np.isin(operation, (POINTWISE, DENSE))
    found = np.where(dense, _dense(builder, relu, dense, width, kernel, stride, affine), found)
    factored = where & np.isin(operation, (FACTORED3, FACTORED7))
    found = np.where(factored, _factored(builder, relu, factored, width, kernel, stride, affine), found)
    largest, mean = where & np.isin(operation, (MAX_POOL, MAX_POOL5, MAX_POOL7)), where & (operation == AVERAGE_POOL)
    pooled = builder.add(MaxPool, x, where=largest, kernel=kernel, stride=stride, padding=kernel // 2)
    found = np.where(largest, pooled, found)
    pooled = builder.add(AveragePool, x, where=mean, kernel=3, stride=stride, padding=1, count_padding=False)
    found = np.where(mean, pooled, found)
    skipped = where & (operation == SKIP)
    strided = skipped & (stride == 2)
    found = np.where(strided, projected(builder, relu, width, strided, halve=True, affine=affine), found)
    return np.where(skipped & ~strided, x, found)


def _separable(
    builder: GraphBatchBuilder,
    x: Nodes,
    where: Mask,
    width: int,
    kernel: Ints,
    stride: Ints,
    dilation: Ints,
    affine: bool,
) -> Nodes:
    """A depthwise convolution, a pointwise one, batch normalisation."""
    x = builder.add(
        Convolution,
        x,
        where=where,
        channels=width,
        kernel=kernel,
        stride=stride,
        padding=dilation * (kernel // 2),
        dilation=dilation,
        groups=width,
    )
    x = builder.add(Convolution, x, where=where, channels=width, kernel=1, padding=0)
    return builder.add(BatchNorm, x, where=where, affine=affine)


def _dense(
    builder: GraphBatchBuilder, x: Nodes, where: Mask, width: int, kernel: Ints, stride: Ints, affine: bool
) -> Nodes:
    """A square convolution over all channels, batch normalisation."""
    x = builder.add(Convolution, x, where=where, channels=width, kernel=kernel, stride=stride, padding=kernel // 2)
    return builder.add(BatchNorm, x, where=where, affine=affine)


def _factored(
    builder: GraphBatchBuilder, x: Nodes, where: Mask, width: int, kernel: Ints, stride: Ints, affine: bool
) -> Nodes:
    """A square convolution as one along rows and one along columns, batch normalisation: a stride is taken in each."""
    one, none = np.ones_like(kernel), np.zeros_like(kernel)
    half = kernel // 2
    for size, step, padding in (
        ((one, kernel), (one, stride), (none, half)),
        ((kernel, one), (stride, one), (half, none)),
    ):
        x = builder.add(Convolution, x, where=where, channels=width, kernel=size, stride=step, padding=padding)
    return builder.add(BatchNorm, x, where=where, affine=affine)


def _convolves(operations: Ints) -> Mask:
    """Which operations begin with a ReLU."""
    pools = (MAX_POOL, AVERAGE_POOL, MAX_POOL5, MAX_POOL7)
    return np.isin(operations, (*pools, SKIP), invert=True)
