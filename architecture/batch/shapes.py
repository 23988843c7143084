"""Output shapes of every node of a batch, as `Architecture.shapes` gives them one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import Fields, GraphBatch
from presage.architecture.batch.kinds import (
    ADAPTIVE,
    IRREGULAR,
    POOLS,
    READS_FLAT,
    READS_MAP,
    STACKS,
    STRETCHES,
    WINDOWED,
    having,
)
from presage.architecture.batch.segments import IMAGE, larger, segments_of
from presage.architecture.operation import Operation, Shape
from presage.architecture.operations import KIND, Slice
from presage.errors import InvalidArchitecture, InvalidArgument

__all__ = ["BatchShapes", "batch_shapes"]

Ints = NDArray[np.int64]

_FLATTENS = having(lambda operation: operation.flattens)
_RESIZES = ADAPTIVE | _FLATTENS
_STATING = tuple((kind, operation) for operation, kind in KIND.items() if operation.stated is not Operation.stated)


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

    def between(self, rows: slice | Ints) -> BatchShapes:
        """The shapes of some of the nodes."""
        return BatchShapes(self.channels[rows], self.height[rows], self.width[rows], self.flat[rows])

    def classified(self, batch: GraphBatch, classes: int) -> BatchShapes:
        """These shapes with `classes` outputs of every classifier."""
        channels = self.channels.copy()
        channels[batch.node_start[1:] - 1] = classes
        return replace(self, channels=channels)


def batch_shapes(batch: GraphBatch, input_shape: Sequence[int], classes: int | None = None) -> BatchShapes:
    """Shapes for images ``(c, h, w)``; without `classes`, a classifier's output is its input's shape.

    They are kept, for the images asked for last.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it and its node.
    """
    if len(input_shape) != 3 or min(input_shape) < 1:
        raise InvalidArgument("input_shape", "batch_shapes", "be (c, h, w), each at least 1", tuple(input_shape))
    c, h, w = input_shape
    made = batch.derived(BatchShapes, (c, h, w), lambda: _shapes(batch, (c, h, w)))
    return made if classes is None else made.classified(batch, classes)


def _shapes(batch: GraphBatch, input_shape: tuple[int, int, int]) -> BatchShapes:
    if _is_irregular(batch):
        return _one_by_one(batch, input_shape)
    sides, flat, areas = _sides(batch, input_shape[1:])
    made = BatchShapes(_channels(batch, input_shape[0], areas), sides[0], sides[-1], flat)
    _check(batch, made, input_shape)
    return made


def _is_irregular(batch: GraphBatch) -> bool:
    return bool(IRREGULAR[batch.kind].any()) or bool(batch.column("pooled").any())


def _one_by_one(batch: GraphBatch, input_shape: tuple[int, int, int]) -> BatchShapes:
    """As each architecture gives them itself: no space has operations whose shapes follow no rule, only networks that
    users bring."""
    rows: list[Shape] = []
    for index, architecture in enumerate(batch.architectures()):
        try:
            found = architecture.shapes(input_shape, 2)
        except InvalidArchitecture as error:
            raise InvalidArchitecture(f"Architecture {index}: {error}") from None
        last = architecture.nodes[-1]
        rows += [*found[:-1], last.operation.shape([found[source] for source in last.inputs])]
    sizes = np.array([shape if len(shape) == 3 else (*shape, 1, 1) for shape in rows], np.int64).reshape(-1, 3)
    flat = np.array([len(shape) == 1 for shape in rows], np.bool_)
    return BatchShapes(sizes[:, 0].copy(), sizes[:, 1].copy(), sizes[:, 2].copy(), flat)


@dataclass(frozen=True, slots=True, eq=False)
class _Resizing:
    """The k nodes whose output may have other sides than their input, and how they change `a` axes of it.

    Attributes:
        which: (m,) mask of these nodes.
        extent: (k, a) pixels that a window reaches beyond its first.
        padding, stride: (k, a) of windows. What slides no window is one of one pixel, stride 1.
        size: (k, a) sides that an adaptive pooling states.
        adaptive, flatten, ceil: (k,) which nodes are adaptive poolings, flatten, and round up.
        any_ceil: whether any rounds up.
    """

    which: NDArray[np.bool_]
    extent: Ints
    padding: Ints
    stride: Ints
    size: Ints
    adaptive: NDArray[np.bool_]
    flatten: NDArray[np.bool_]
    ceil: NDArray[np.bool_]
    any_ceil: bool

    @classmethod
    def of(cls, batch: GraphBatch, axes: Sequence[str]) -> _Resizing:
        """Those of a batch, along the `axes` named: `h`, `w`."""
        kind = batch.kind
        windowed = np.flatnonzero(WINDOWED[kind])
        which = _RESIZES[kind]
        windows = []
        for axis in axes:
            reach = batch.column(f"kernel_{axis}")[windowed] - 1
            reach *= np.maximum(batch.column(f"dilation_{axis}")[windowed], 1)  # 0: what has no such field
            border, every = batch.column(f"padding_{axis}")[windowed], batch.column(f"stride_{axis}")[windowed]
            which[windowed] |= (every != 1) | (reach != 2 * border)
            windows.append((reach, border, every))
        nodes = np.flatnonzero(which)
        slides = WINDOWED[kind[nodes]]
        flatten = _FLATTENS[kind[nodes]]
        ceil = slides & (batch.column("ceil")[nodes] > 0)
        extent, padding, size = np.zeros((3, len(nodes), len(axes)), np.int64)
        stride = np.ones_like(extent)
        at_window = np.searchsorted(windowed, nodes[slides])
        for column, (axis, window) in enumerate(zip(axes, windows, strict=True)):
            for values, stated in zip((extent, padding, stride), window, strict=True):
                values[slides, column] = stated[at_window]
            size[:, column] = batch.column(f"size_{axis}")[nodes]
        return cls(which, extent, padding, stride, size, ~slides & ~flatten, flatten, ceil, bool(ceil.any()))

    def applied(self, chosen: Ints, value: Ints) -> Ints:
        """(c, a + 1) what the chosen of these nodes make of sides and flatness, (c, a + 1)."""
        side, step = value[:, :-1], self.stride[chosen]
        span = side + 2 * self.padding[chosen] - self.extent[chosen] - 1
        out = span // step + 1
        if self.any_ceil:
            up = -(-span // step) + 1
            up -= (up - 1) * step >= side + self.padding[chosen]  # no window begins in the padding behind
            out = np.where(self.ceil[chosen, None], up, out)
        made = np.concatenate([np.where(self.adaptive[chosen, None], self.size[chosen], out), value[:, -1:]], axis=1)
        made[self.flatten[chosen]] = 1
        return made


def _sides(batch: GraphBatch, image: Sequence[int]) -> tuple[list[Ints], NDArray[np.bool_], Ints]:
    """(m,) height and width (once where all maps are square), whether flat; and pixels that each `Flatten` reads.

    Most nodes keep the sides they read. Those that do not are applied segment by segment, first to last within each.
    """
    segments = segments_of(batch)
    axes = ("h",) if image[0] == image[1] and _is_square(batch) else ("h", "w")
    resizing = _Resizing.of(batch, axes)
    layers = segments.layers(np.flatnonzero(resizing.which))
    # height and width, flat
    found, read = np.zeros((2, segments.rows, len(axes) + 1), np.int64)
    found[IMAGE, :-1] = image[: len(axes)]
    given, made = np.zeros((2, len(resizing.flatten), len(axes) + 1), np.int64)

    def own(value: Ints, at: slice) -> None:
        read[at] = value
        for layer in layers:
            these = layer.cuts[at.start]
            if these.start < these.stop:
                chosen, rows = layer.which[these], layer.places[these] - at.start
                given[chosen] = value[rows]
                made[chosen] = value[rows] = resizing.applied(chosen, value[rows])

    segments.scan(found, larger, own)
    begins, values = segments.pieces(resizing.which, read, made)
    lengths = np.diff(begins, append=len(batch.kind))
    sides: list[Ints] = [np.repeat(values[:, column], lengths) for column in range(len(axes))]
    flattened = given[resizing.flatten]
    return sides, np.repeat(values[:, -1] > 0, lengths), flattened[:, 0] * flattened[:, len(axes) - 1]


def _channels(batch: GraphBatch, image: int, areas: Ints) -> Ints:
    """(m,) channels; features where flat.

    Args:
        batch: the graphs.
        image: channels of the images.
        areas: pixels that each `Flatten` reads.
    """
    segments, kind = segments_of(batch), batch.kind
    # channels that the operation itself states; 0: those of its input
    stated = np.zeros(len(kind), np.int64)
    for code, operation in _STATING:
        rows = np.flatnonzero(kind == code)
        if len(rows):
            stated[rows] = operation.stated(Fields(batch, code, rows))
    factor = np.ones(len(kind), np.int64)
    factor[_FLATTENS[kind]] = areas
    # what is flat has one pixel: at most one factor since the channels were stated is not 1
    states = stated > 0
    base, times = stated[segments.latest(states)], factor[segments.latest(states | (factor > 1))]
    goes_on, last, growth = (segments.given(values) for values in (base == 0, base * times, times))
    summed, multiplied = np.zeros((2, segments.rows), np.bool_)
    heads = np.flatnonzero(segments.degree > 1)
    summed[segments.of[heads]] = STACKS[kind[heads]]
    multiplied[segments.of[heads]] = STRETCHES[kind[heads]]
    found, read = np.ones((2, segments.rows), np.int64)
    found[IMAGE] = image

    def join(value: Ints, other: Ints, at: slice) -> None:
        np.add(value, other, out=value, where=summed[at])
        np.maximum(value, other, out=value, where=multiplied[at])

    def own(value: Ints, at: slice) -> None:
        read[at] = value
        value *= growth[at]
        np.copyto(value, last[at], where=~goes_on[at])

    segments.scan(found, join, own)
    return np.where(base > 0, base, read[segments.of]) * times


def _is_square(batch: GraphBatch) -> bool:
    """Whether every window is as high as wide, so that square maps stay square."""
    names = ("kernel", "stride", "padding", "dilation", "size")
    return all(np.array_equal(batch.column(f"{name}_h"), batch.column(f"{name}_w")) for name in names)


def _check(batch: GraphBatch, shapes: BatchShapes, input_shape: tuple[int, ...]) -> None:
    """Refuse what `Architecture.shapes` refuses, with its words."""
    wrong = _wrong(batch, shapes)
    if len(wrong):
        index = int(np.searchsorted(batch.node_start, wrong.min(), side="right")) - 1
        try:
            batch.architecture(index).shapes(input_shape, 2)
        except InvalidArchitecture as error:
            raise InvalidArchitecture(f"Architecture {index}: {error}") from None
        raise InvalidArchitecture(f"Architecture {index} does not take images {input_shape}.")


def _wrong(batch: GraphBatch, shapes: BatchShapes) -> Ints:
    """Nodes that do not take what they read, or give nothing; in any order."""
    kind, first = batch.kind, batch.first_input
    channels, flat = shapes.channels, shapes.flat
    found = [np.flatnonzero(values < 1) for values in (channels, shapes.height, shapes.width)]
    spatial = np.flatnonzero(READS_MAP[kind])
    found.append(spatial[flat[first[spatial]]])
    dense = np.flatnonzero(READS_FLAT[kind])
    found.append(dense[~flat[first[dense]]])
    grouped = np.flatnonzero(batch.column("groups") > 1)
    groups = batch.column("groups")[grouped]
    unequal = channels[first[grouped]] % groups != 0
    unequal |= batch.column("channels")[grouped] % groups != 0  # 0: what has no such field
    found.append(grouped[unequal])
    sliced = np.flatnonzero(kind == KIND[Slice])
    found.append(sliced[batch.column("stop")[sliced] > channels[first[sliced]]])
    pooled = np.flatnonzero(POOLS[kind])
    for axis in ("h", "w"):
        wide = 2 * batch.column(f"padding_{axis}")[pooled] > batch.column(f"kernel_{axis}")[pooled]
        found.append(pooled[wide])
    joined = np.flatnonzero((np.diff(batch.edge_start) > 1)[batch.edge_target])
    source, target = batch.edge_source[joined], batch.edge_target[joined]
    multiplied = STRETCHES[kind[target]]
    unlike = flat[target] != flat[source]
    unlike |= ~_equal(channels, source, target, multiplied) & ~STACKS[kind[target]]
    for values in (shapes.height, shapes.width):
        unlike |= ~_equal(values, source, target, multiplied)
    found.append(target[unlike])
    return np.concatenate(found)


def _equal(values: Ints, source: Ints, target: Ints, multiplied: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(e,) whether what is read equals what is given; a product repeats what is 1."""
    return np.asarray((values[source] == values[target]) | (multiplied & (values[source] == 1)))
