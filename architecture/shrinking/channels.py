"""Which channels of a network can only be removed together: `channels_of`.

A channel that a convolution makes lives on through normalisations, activations and poolings. A sum ties the channels of
its terms, a depthwise convolution each channel that it makes to the one that it reads, groups of a convolution tie
theirs (the dependency graph of arXiv 2301.12900, here on channels in place of layers). Each set of tied channels has
one number, and each tensor of the network is a list of these numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.architecture.graph import Architecture
from presage.architecture.operation import Operation, Shape
from presage.architecture.operations import (
    Add,
    ChannelPool,
    ChannelShuffle,
    Classifier,
    Concatenate,
    Convolution,
    Flatten,
    GroupedSoftmax,
    GroupNorm,
    Input,
    Linear,
    Maximum,
    Multiply,
    PixelShuffle,
    PixelUnshuffle,
    Slice,
    StretchedAdd,
    TransposedConvolution,
)

__all__ = ["Channels", "Pool", "channels_of"]

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pool:
    """Channels that the same layers make: what one width says of a network.

    Attributes:
        numbers: (p,) of the sets of tied channels, in order.
        makers: nodes that make them.
        side: pixels, of the map that the first of these makes; 1 where it is flat.
    """

    numbers: Ints
    makers: tuple[int, ...]
    side: int


@dataclass(frozen=True, eq=False)
class Channels:
    """The channels of every tensor of a network.

    Attributes:
        layouts: of each node, (c,) or (f,): the numbers of its channels. One number may stand there several times.
        fixed: (m,) which numbers must stay: channels of the image, and those of which not all is known.
        pools: the numbers that may go, by the layers that make them.
        by_groups: nodes that work on groups of channels → whether whole groups go; else of each group as many.
    """

    layouts: tuple[Ints, ...]
    fixed: Mask
    pools: tuple[Pool, ...]
    by_groups: dict[int, bool]


def channels_of(architecture: Architecture, input_shape: Sequence[int], classes: int) -> Channels:
    """The channels of a network for images ``(c, h, w)`` and `classes` outputs.

    Raises:
        InvalidArchitecture: where the network does not take such images.
    """
    shapes = architecture.shapes(input_shape, classes)
    ties = _Ties()
    for index, node in enumerate(architecture.nodes):
        ties.add(index, node.operation, node.inputs, shapes)
    return ties.finish(shapes)


class _Ties:
    """Numbers given so far, those that are tied joined (union-find, the least number of a set stands for it)."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._fixed: list[int] = []
        self._layouts: list[Ints] = []
        self._made: dict[int, Ints] = {}
        self._by_groups: dict[int, bool] = {}

    def add(self, index: int, operation: Operation, inputs: tuple[int, ...], shapes: Sequence[Shape]) -> None:
        """One node more."""
        read = [self._layouts[source] for source in inputs]
        layout = self._layout(index, operation, read, shapes[index], [shapes[source] for source in inputs])
        if len(layout) != shapes[index][0]:  # nothing is known of what it does to channels
            for one in read:
                self._fixed += one.tolist()
            layout = self._unmovable(shapes[index][0])
        self._layouts.append(layout)

    def _layout(
        self, index: int, operation: Operation, read: list[Ints], made: Shape, sources: Sequence[Shape]
    ) -> Ints:
        match operation:
            case Input() | ChannelPool():
                return self._unmovable(made[0])
            case Convolution() | TransposedConvolution():
                fresh = self._made[index] = self._fresh(made[0])
                if operation.groups > 1:
                    self._tie_groups(index, operation.groups, read[0], fresh)
                return fresh
            case Linear():
                self._made[index] = self._fresh(made[0])
                return self._made[index]
            case Classifier():
                if operation.heads > 1:
                    self._tie_rows(read[0].reshape(operation.heads, -1))
                return self._unmovable(made[0])
            case GroupNorm():
                if operation.groups > 1:
                    self._tie_groups(index, operation.groups, read[0])
            case ChannelShuffle():
                grouped = read[0].reshape(operation.groups, -1)
                self._tie_rows(grouped)
                return grouped.T.reshape(-1)
            case GroupedSoftmax():
                self._tie_rows(read[0].reshape(operation.groups, -1))
            case Concatenate():
                return np.concatenate(read)
            case Slice():
                return read[0][operation.start : operation.stop]
            case Flatten():
                return np.repeat(read[0], made[0] // len(read[0]))
            case PixelUnshuffle():
                return np.repeat(read[0], operation.factor**2)
            case PixelShuffle():
                blocks = read[0].reshape(made[0], -1)
                self._tie_rows(blocks.T)
                return blocks[:, 0]
            case Add():
                self._tie_rows(np.stack(read))
            case Multiply() | StretchedAdd() | Maximum():
                left, right = read
                if len(left) == len(right):
                    self._tie(left, right)
                return left if len(left) >= len(right) else right
        return read[0]

    def finish(self, shapes: Sequence[Shape]) -> Channels:
        roots = np.array([self._find(number) for number in range(len(self._parent))], np.int64)
        kept, numbers = np.unique(roots, return_inverse=True)
        fixed = np.zeros(len(kept), np.bool_)
        fixed[numbers[np.array(self._fixed, np.int64)]] = True
        makers: dict[int, set[int]] = {}
        for node, made in self._made.items():
            for number in numbers[made].tolist():
                makers.setdefault(number, set()).add(node)
        pools: dict[tuple[int, ...], list[int]] = {}
        for number in sorted(makers):
            if not fixed[number]:
                pools.setdefault(tuple(sorted(makers[number])), []).append(number)
        return Channels(
            tuple(numbers[layout] for layout in self._layouts),
            fixed,
            tuple(
                Pool(np.array(found, np.int64), nodes, _side(shapes[nodes[0]]))
                for nodes, found in sorted(pools.items())
            ),
            self._by_groups,
        )

    def _fresh(self, count: int) -> Ints:
        start = len(self._parent)
        self._parent.extend(range(start, start + count))
        return np.arange(start, start + count, dtype=np.int64)

    def _unmovable(self, count: int) -> Ints:
        fresh = self._fresh(count)
        self._fixed += fresh.tolist()
        return fresh

    def _tie_groups(self, index: int, groups: int, *layouts: Ints) -> None:
        """Whole groups may go where there are many; else as many channels of each, at the same places."""
        rows = [layout.reshape(groups, -1) for layout in layouts]
        whole = groups >= min(row.shape[1] for row in rows)
        if whole:
            self._tie_rows(np.concatenate(rows, axis=1).T)
        else:
            for row in rows:
                self._tie_rows(row)
        self._by_groups[index] = whole

    def _tie_rows(self, rows: Ints) -> None:
        """Each column of (r, n) is one set."""
        for row in rows[1:]:
            self._tie(rows[0], row)

    def _tie(self, left: Ints, right: Ints) -> None:
        for one, other in zip(left.tolist(), right.tolist(), strict=True):
            a, b = self._find(one), self._find(other)
            self._parent[max(a, b)] = min(a, b)

    def _find(self, number: int) -> int:
        parent = self._parent
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number


def _side(shape: Shape) -> int:
    return max(shape[1:], default=1)
