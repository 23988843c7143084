"""Output shapes of every node of a batch, as `Architecture.shapes` gives them one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from architecture.batch import GraphBatch
from architecture.operations import (
    KIND,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    Classifier,
    Concatenate,
    Convolution,
    Flatten,
    Linear,
    MaxPool,
    Multiply,
    Slice,
)
from presage_errors import InvalidArchitecture, InvalidArgument

__all__ = ["BatchShapes", "batch_shapes"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BatchShapes:
    """Shapes by node: channels (or features), height and width (1 where flat), and whether flat; each (m,)."""

    channels: Ints
    height: Ints
    width: Ints
    flat: NDArray[np.bool_]

    @property
    def size(self) -> Ints:
        """(m,) numbers in each output."""
        return self.channels * self.height * self.width

    def classified(self, batch: GraphBatch, classes: int) -> BatchShapes:
        """These shapes with `classes` outputs of every classifier."""
        channels = self.channels.copy()
        channels[batch.node_start[1:] - 1] = classes
        return replace(self, channels=channels)


def batch_shapes(batch: GraphBatch, input_shape: Sequence[int], classes: int | None = None) -> BatchShapes:
    """Shapes for images ``(c, h, w)``; without `classes`, a classifier's output is its input's shape.

    `GraphBatch.shapes` gives the same, and keeps it.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it and its node.
    """
    if len(input_shape) != 3 or min(input_shape) < 1:
        raise InvalidArgument("input_shape", "batch_shapes", "be (c, h, w), each at least 1", tuple(input_shape))
    sweep = batch.sweep
    kind = batch.kind
    m = len(kind)
    windowed = _is(kind, Convolution, MaxPool, AveragePool)
    adaptive = _is(kind, AdaptiveAveragePool, AdaptiveMaxPool)
    ceil = (batch.column("ceil") > 0) & windowed
    windows = []
    square = input_shape[1] == input_shape[2] and _is_square(batch)
    for axis in ("h",) if square else ("h", "w"):
        reach = batch.column(f"kernel_{axis}").astype(np.int64) - 1
        reach *= np.where(_is(kind, Convolution), batch.column(f"dilation_{axis}"), 1)
        padding = np.where(windowed, batch.column(f"padding_{axis}"), 0).astype(np.int64)
        stride = np.where(windowed, batch.column(f"stride_{axis}"), 1).astype(np.int64)
        # a node without window is one of kernel 1, stride 1: its side stays
        windows.append((np.where(windowed, reach, 0), padding, stride, batch.column(f"size_{axis}")))
    # channels that the operation itself states; 0: those of its input
    stated = np.where(_is(kind, Convolution), batch.column("channels"), 0).astype(np.int64)
    stated += np.where(_is(kind, Linear), batch.column("features"), 0)
    stated += np.where(_is(kind, Slice), batch.column("stop") - batch.column("start"), 0)
    flatten, concatenate, multiply = _is(kind, Flatten), _is(kind, Concatenate), _is(kind, Multiply)
    any_adaptive, any_ceil = bool(adaptive.any()), bool(ceil.any())

    # channels, height, width, flat
    found = np.ones((m, 4), np.int64)
    found[:, 3] = 0
    found[sweep.images, :3] = input_shape
    for step in sweep:
        rows = step.rows
        shape = found[step.first]
        for at, source in step.further:
            at_concat = concatenate[rows[at]]
            at_product = multiply[rows[at]]
            if at_concat.any():
                shape[at[at_concat], 0] += found[source[at_concat], 0]
            if at_product.any():
                shape[at[at_product]] = np.maximum(shape[at[at_product]], found[source[at_product]])
        for column, (reach, padding, stride, size) in enumerate(windows, start=1):
            side = shape[:, column]
            span = side + 2 * padding[rows] - reach[rows] - 1
            out = span // stride[rows] + 1
            if any_ceil:
                up = -(-span // stride[rows]) + 1
                up -= (up - 1) * stride[rows] >= side + padding[rows]
                out = np.where(ceil[rows], up, out)
            if any_adaptive:
                out = np.where(adaptive[rows], size[rows], out)
            shape[:, column] = out
        if square:
            shape[:, 2] = shape[:, 1]
        flat = flatten[rows]
        if flat.any():
            shape[flat, 0] = shape[flat, 0] * shape[flat, 1] * shape[flat, 2]
            shape[flat, 1:] = 1
        own = stated[rows]
        shape[:, 0] = np.where(own > 0, own, shape[:, 0])
        found[rows] = shape
    _check(batch, found, tuple(input_shape))
    columns = np.ascontiguousarray(found.T)
    made = BatchShapes(columns[0], columns[1], columns[2], columns[3] > 0)
    return made if classes is None else made.classified(batch, classes)


def _is_square(batch: GraphBatch) -> bool:
    """Whether every window is as high as wide, so that square maps stay square."""
    names = ("kernel", "stride", "padding", "dilation", "size")
    return all(np.array_equal(batch.column(f"{name}_h"), batch.column(f"{name}_w")) for name in names)


def _is(kind: NDArray[np.int16], *operations: type[Any]) -> NDArray[np.bool_]:
    chosen = np.zeros(len(KIND), np.bool_)
    chosen[[KIND[operation] for operation in operations]] = True
    return chosen[kind]


def _check(batch: GraphBatch, shapes: Ints, input_shape: tuple[int, ...]) -> None:
    """Refuse what `Architecture.shapes` refuses, with its words."""
    kind, source, target = batch.kind, batch.edge_source, batch.edge_target
    bad = (shapes[:, :3] < 1).any(axis=1)
    given, flat = shapes[source], shapes[source, 3] > 0
    kinds = kind[target]
    spatial = _is(kinds, Convolution, MaxPool, AveragePool, AdaptiveAveragePool, AdaptiveMaxPool)
    wrong = (spatial & flat) | (_is(kinds, Linear, Classifier) & ~flat)
    groups = batch.column("groups")[target]
    grouped = groups > 1
    wrong |= grouped & (given[:, 0] % np.maximum(groups, 1) != 0)
    wrong |= grouped & (kinds == KIND[Convolution]) & (batch.column("channels")[target] % np.maximum(groups, 1) != 0)
    wrong |= (kinds == KIND[Slice]) & (batch.column("stop")[target] > given[:, 0])
    pooled = _is(kinds, MaxPool, AveragePool)
    for axis in ("h", "w"):
        wrong |= pooled & (2 * batch.column(f"padding_{axis}")[target] > batch.column(f"kernel_{axis}")[target])
    joined = np.flatnonzero(np.diff(batch.edge_start)[target] > 1)
    if len(joined):
        out, into, multiplied = shapes[target[joined]], given[joined], kinds[joined] == KIND[Multiply]
        unlike = (out != into) & ~(multiplied[:, None] & (into == 1))
        unlike[:, 0] &= kinds[joined] != KIND[Concatenate]
        unlike[:, 3] = out[:, 3] != into[:, 3]
        wrong[joined] |= unlike.any(axis=1)
    if bad.any() or wrong.any():
        rows = np.concatenate([np.flatnonzero(bad), target[wrong]])
        index = int(np.searchsorted(batch.node_start, rows.min(), side="right")) - 1
        try:
            batch.architecture(index).shapes(input_shape, 2)
        except InvalidArchitecture as error:
            raise InvalidArchitecture(f"Architecture {index}: {error}") from None
        raise InvalidArchitecture(f"Architecture {index} does not take images {input_shape}.")
