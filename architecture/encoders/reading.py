"""`Reading`: a batch seen through its canonical form, without writing that form out.

Every value a graph computes gets a 64-bit number. The number of a sum is the sum of its terms' numbers, zero being 0:
so order and bracketing of sums, absent edges and sums of one term drop out by themselves. What does nothing passes its
input's number on; operations without weights are numbered by what they do and what they read, so equal ones are one;
each weighted layer has a number of its own. Encoders that ask only for *parts* (distinct values that the classifier
needs, sums left out) and for paths are thereby the same for a graph and for its canonical form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from architecture.batch import ATTRIBUTES, GraphBatch, runs
from architecture.batch_costs import node_costs, weighted
from architecture.batch_shapes import BatchShapes
from architecture.operations import (
    ACTIVATIONS,
    KIND,
    OPERATIONS,
    Activation,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Add,
    AveragePool,
    BatchNorm,
    ChannelShuffle,
    Classifier,
    Concatenate,
    Convolution,
    Dropout,
    DropPath,
    Flatten,
    GroupNorm,
    Identity,
    Input,
    Linear,
    MaxPool,
    Multiply,
    Slice,
    Zero,
)
from architecture.strands import NOTHING, Strands, larger
from architecture.sweep import Sweep
from presage_errors import InvalidArgument

__all__ = ["Group", "Reading", "table"]

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_WORDS = np.random.default_rng(20190127).integers(1, 2**63, size=len(ATTRIBUTES) + 2, dtype=np.uint64) * np.uint64(
    2
) + np.uint64(1)


def table(*operations: type[Any]) -> Mask:
    """(kinds,) which kinds these are: index it with a batch's `kind`."""
    found = np.zeros(len(OPERATIONS), np.bool_)
    found[[KIND[operation] for operation in operations]] = True
    return found


_SILENT = table(
    BatchNorm, GroupNorm, Activation, Dropout, DropPath, Identity, Zero, ChannelShuffle, MaxPool, AveragePool,
    AdaptiveAveragePool, AdaptiveMaxPool, Flatten, Slice, Concatenate, Multiply, Convolution, Linear,
)  # fmt: skip
_OWN = table(Convolution, Linear, Dropout, DropPath, Input, Classifier)
_KEEPS_SIGN = table(
    MaxPool, AveragePool, AdaptiveAveragePool, AdaptiveMaxPool, Flatten, Slice, ChannelShuffle, Dropout, DropPath,
    Concatenate, Multiply, Add, Identity,
)  # fmt: skip


def _functions(*names: str) -> Mask:
    return np.array([name in names for name in ACTIVATIONS])


_NOT_NEGATIVE = _functions("relu", "relu6", "sigmoid", "hardsigmoid", "softmax")
_NOT_ZERO_AT_ZERO = _functions("sigmoid", "hardsigmoid", "softmax")
_RELU, _RELU6 = ACTIVATIONS.index("relu"), ACTIVATIONS.index("relu6")


def _mixed(value: Hashes) -> Hashes:
    """A bijection of 64-bit numbers that scatters them and keeps 0."""
    value = (value ^ (value >> _SHIFT)) * _ODD
    value = (value ^ (value >> _SHIFT)) * _ODD
    return value ^ (value >> _SHIFT)


KEPT = (
    "graph", "first", "last", "_numbered", "any_zero", "live", "live_rows", "strands", "ends", "passing", "parts",
    "zero", "number", "depth",
)  # fmt: skip
"""What does not depend on the number of classes."""


@dataclass(frozen=True, eq=False)
class Reading:
    """A batch of `n` architectures with `m` nodes bound to images ``(c, h, w)``.

    Attributes:
        batch: the graphs, as they were given.
        input_shape: of the images.
    """

    batch: GraphBatch
    input_shape: tuple[int, int, int]
    sweep: Sweep
    shapes: BatchShapes

    @classmethod
    def of(cls, batch: GraphBatch, input_shape: Sequence[int], classes: int | None = None) -> Reading:
        """Raises `InvalidArchitecture` where some architecture does not take such images."""
        if len(input_shape) != 3:
            raise InvalidArgument("input_shape", "Reading", "be (c, h, w)", tuple(input_shape))
        c, h, w = input_shape
        shape = (c, h, w)
        if shape not in batch.readings:
            batch.readings.clear()
            batch.readings[shape] = cls(batch, shape, batch.sweep, batch.shapes(shape))
        found = batch.readings[shape]
        return found if classes is None else found._classified(classes)

    def _classified(self, classes: int) -> Reading:
        """The same with the classifier's outputs known: of what is kept, only its costs differ."""
        made = Reading(self.batch, self.input_shape, self.sweep, self.shapes.classified(self.batch, classes))
        for name in KEPT:
            made.__dict__[name] = getattr(self, name)
        return made

    def __len__(self) -> int:
        return len(self.batch)

    @cached_property
    def kind(self) -> NDArray[np.int16]:
        return self.batch.kind

    def is_a(self, *operations: type[Any]) -> Mask:
        """(m,) which nodes are one of these operations."""
        return table(*operations)[self.kind]

    @cached_property
    def graph(self) -> Ints:
        return self.batch.graph

    @cached_property
    def first(self) -> Ints:
        """(m,) row of the first input."""
        return self.batch.first_input

    @cached_property
    def last(self) -> Ints:
        """(n,) row of the classifier."""
        return self.batch.node_start[1:] - 1

    @cached_property
    def _numbered(self) -> tuple[Hashes, Mask, Mask]:
        """(m,) number of each node's value (0: always zero); whether it passes its input on; whether it is not < 0."""
        batch, kind = self.batch, self.kind
        m = len(kind)
        function = batch.column("function")
        activation = kind == KIND[Activation]
        add, zero = kind == KIND[Add], kind == KIND[Zero]
        multiply = kind == KIND[Multiply]
        many = (kind == KIND[Concatenate]) | multiply
        loud = ~_SILENT[kind] & ~add | activation & _NOT_ZERO_AT_ZERO[function]
        nothing = kind == KIND[Identity]
        pool = table(MaxPool, AveragePool)[kind]
        nothing |= pool & (self._all("kernel", 1)) & self._all("stride", 1)
        nothing |= table(Dropout, DropPath)[kind] & (batch.column("permille") == 0)
        nothing |= (kind == KIND[ChannelShuffle]) & (batch.column("groups") == 1)
        nothing |= (kind == KIND[Concatenate]) & (np.diff(batch.edge_start) == 1)
        nothing |= (kind == KIND[Flatten]) & self.shapes.flat[self.first]
        many &= ~nothing
        own = _OWN[kind] | (batch.column("affine") > 0)
        signed = ~(activation & _NOT_NEGATIVE[function])
        keeps = _KEEPS_SIGN[kind]
        relu, relu6 = activation & (function == _RELU), activation & (function == _RELU6)

        # what an operation does, as a number; a weighted layer is like no other
        content = (kind.astype(np.uint64) + np.uint64(1)) * _WORDS[-1] + self.shapes.channels.astype(
            np.uint64
        ) * _WORDS[-2]
        plain = np.flatnonzero(~own & ~add)
        for column, word in enumerate(_WORDS[:-2]):
            content[plain] += batch.attributes[plain, column].astype(np.uint64) * word
        content[own] = (np.flatnonzero(own).astype(np.uint64) + np.uint64(1)) * _WORDS[0]
        content = _mixed(content)

        number = np.zeros(m, np.uint64)
        number[self.sweep.images] = content[self.sweep.images]
        through = np.zeros(m, np.bool_)
        positive = np.zeros(m, np.bool_)  # known to be ≥ 0
        six = np.zeros(m, np.bool_)  # a relu6's output, unchanged
        any_many, any_six = bool(many.any()), bool(relu6.any())
        for step in self.sweep:
            rows = step.rows
            read = number[step.first]
            sign = positive[step.first] | (read == 0)
            absent = multiply[rows] & (read == 0) if any_many else None
            if any_many:
                read = np.where(many[rows], _mixed(read), read)
            for rank, (at, source) in enumerate(step.further, start=1):
                other = number[source]
                sign[at] &= positive[source] | (other == 0)
                if absent is not None:
                    absent[at] |= multiply[rows[at]] & (other == 0)
                    place = np.where(multiply[rows[at]], np.uint64(1), np.uint64(2 * rank + 1))
                    other = np.where(many[rows[at]], _mixed(other * place), other)
                read[at] += other
            passes = nothing[rows] | (relu[rows] & sign)
            if any_six:
                passes |= relu6[rows] & six[step.first]
            made = _mixed(read + content[rows])
            made = np.where(own[rows], content[rows], made)
            made = np.where(passes | add[rows], read, made)
            gone = zero[rows] | ((read == 0) & ~loud[rows])
            if absent is not None:
                gone |= absent
            made[gone] = 0
            number[rows] = made
            through[rows] = passes
            positive[rows] = np.where(keeps[rows] | passes, sign, ~signed[rows])
            if any_six:
                alone = passes | (add[rows] & (made == number[step.first]))
                six[rows] = np.where(alone, six[step.first], relu6[rows])
        return number, through, positive

    def _all(self, field: str, value: int) -> Mask:
        both = (self.batch.column(f"{field}_h") == value) & (self.batch.column(f"{field}_w") == value)
        return np.asarray(both)

    @cached_property
    def number(self) -> Hashes:
        """(m,) number of the value of each node; 0: always zero."""
        return self._numbered[0]

    @cached_property
    def zero(self) -> Mask:
        """(m,) nodes that are always zero (a classifier of zeros is not)."""
        return np.asarray(self.number == 0)

    @cached_property
    def any_zero(self) -> bool:
        """Whether any node is always zero."""
        return bool(self.zero.any())

    @cached_property
    def live(self) -> Mask:
        """(m,) nodes that are not always zero and that the classifier needs."""
        batch, found = self.batch, ~self.zero
        reads = found[batch.edge_target] if self.any_zero else slice(None)
        readers = np.bincount(batch.edge_source[reads], minlength=len(found))
        unread = found & (readers == 0)
        unread[self.last] = False
        rows = np.flatnonzero(unread)
        while len(rows):  # what only they read is not needed either
            found[rows] = False
            read = batch.edge_source[runs(batch.edge_start, rows)[0]]
            np.subtract.at(readers, read, 1)
            rows = np.unique(read[(readers[read] == 0) & found[read]])
        return found

    @cached_property
    def live_rows(self) -> Ints:
        """(r,) the live nodes."""
        return np.flatnonzero(self.live)

    def of_live(self, values: NDArray[Any]) -> NDArray[Any]:
        """(r,) of these (m,) values, those of the live nodes."""
        return values if len(self.live_rows) == len(values) else values[self.live_rows]

    @cached_property
    def strands(self) -> Strands:
        """The live graph, cut into strands; its nodes are positions in `live_rows`."""
        batch, live = self.batch, self.live
        if len(self.live_rows) == len(live):
            return batch.strands
        source, target = batch.edge_source, batch.edge_target
        kept = np.flatnonzero(live[target] & live[source])
        place = np.cumsum(live) - 1
        source, target = place[source[kept]], place[target[kept]]
        images = np.flatnonzero(self.of_live(self.kind) == KIND[Input])
        return Strands(self.of_live(self.graph), source, target, images)

    @cached_property
    def ends(self) -> Ints:
        """(n,) the place of the strand that each classifier ends."""
        return self.strands.of[np.searchsorted(self.live_rows, self.last)]

    @cached_property
    def passing(self) -> Mask:
        """(m,) nodes that add nothing to a path: sums, and what hands its input on."""
        return np.asarray(self._numbered[1] | (self.kind == KIND[Add]) | self.zero)

    @cached_property
    def parts(self) -> Mask:
        """(m,) distinct live operations: the image, sums and what does nothing left out, equal values counted once."""
        found: Mask = np.asarray(self.live & ~self.passing & (self.kind != KIND[Input]))
        shared = np.flatnonzero(found & ~_OWN[self.kind] & (self.batch.column("affine") == 0))
        keys = self._keys(shared)
        order = np.argsort(keys, kind="stable")
        again = np.zeros(len(shared), np.bool_)
        again[order[1:]] = keys[order[1:]] == keys[order[:-1]]
        found[shared[again]] = False
        return found

    def _keys(self, rows: Ints) -> Hashes:
        """One number for each graph and value."""
        return self.number[rows] ^ _mixed((self.graph[rows].astype(np.uint64) + np.uint64(1)) * _WORDS[1])

    @cached_property
    def part_edges(self) -> Ints:
        """(e',) edges, as positions in `edge_source`, from a value that is not zero into one of `parts`."""
        return np.flatnonzero(self.parts[self.batch.edge_target] & ~self.zero[self.batch.edge_source])

    def distinct(self, rows: Ints) -> Ints:
        """Of these rows, one for each distinct value of each graph."""
        return rows[np.unique(self._keys(rows), return_index=True)[1]]

    @cached_property
    def costs(self) -> tuple[Ints, Ints]:
        """(m,) parameters and multiply-adds of each node."""
        return node_costs(self.batch, self.shapes)

    @cached_property
    def weighted(self) -> Mask:
        """(m,) weighted layers, the classifier included."""
        return weighted(self.kind)

    @cached_property
    def depth(self) -> Floats:
        """(m,) most weighted layers on a path from the image to each live node, itself included; −inf where none."""
        strands = self.strands
        so_far = strands.running(self.of_live(self.weighted & ~self.passing).astype(np.int64))
        layers = strands.given(so_far)
        found, read = np.zeros(strands.rows), np.zeros(strands.rows)
        found[NOTHING] = -np.inf

        def own(value: Floats, at: slice) -> None:
            read[at] = value
            value += layers[at]

        strands.sweep(found, larger, own)
        depth = np.full(len(self.kind), -np.inf)
        depth[self.live_rows] = read[strands.of] + so_far
        return depth

    # Sums and extremes over the nodes of each graph -----------------------------------------------------------------

    def total(self, rows: Ints, weights: NDArray[Any] | None = None) -> Floats:
        """(n,) how many of `rows` each graph has, or the sum of their weights."""
        return np.bincount(self.graph[rows], weights, minlength=len(self)).astype(np.float64)

    def largest(self, rows: Ints, values: NDArray[Any], default: float = 0.0) -> Floats:
        """(n,) the largest value over those of `rows` in each graph; `default` where there is none."""
        return self._extreme(np.maximum, -np.inf, rows, values, default)

    def smallest(self, rows: Ints, values: NDArray[Any], default: float = 0.0) -> Floats:
        """(n,) the smallest value over those of `rows` in each graph; `default` where there is none."""
        return self._extreme(np.minimum, np.inf, rows, values, default)

    def mean(self, rows: Ints, values: NDArray[Any], default: float = 0.0) -> Floats:
        """(n,) the mean over those of `rows` in each graph; `default` where there is none."""
        count = self.total(rows)
        return np.where(count > 0, self.total(rows, values) / np.maximum(count, 1), default)

    def _extreme(self, function: Any, empty: float, rows: Ints, values: NDArray[Any], default: float) -> Floats:
        found = np.full(len(self), empty)
        if len(rows):
            graph = self.graph[rows]  # ascending, as rows are
            starts = np.flatnonzero(np.concatenate([np.ones(1, np.bool_), np.diff(graph) > 0]))
            found[graph[starts]] = function.reduceat(values.astype(np.float64), starts)
        return np.where(np.isfinite(found), found, default)


Group = Callable[[Reading], dict[str, NDArray[Any]]]
"""A group of features: name → (n,) values."""
