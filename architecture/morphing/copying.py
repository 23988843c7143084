"""What copies of channels become behind each operation: `copied`, or why they cannot be made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from presage.architecture.morphing.morphism import Ints
from presage.architecture.operation import Operation, Shape, shown
from presage.architecture.operations import (
    Activation,
    Add,
    BatchNorm,
    ChannelNorm,
    ChannelPool,
    ChannelShuffle,
    Concatenate,
    ConstantProduct,
    ConstantSum,
    Dropout,
    DropPath,
    Flatten,
    GroupedSoftmax,
    GroupNorm,
    Identity,
    Maximum,
    Multiply,
    Pad,
    PadLowest,
    ParametricRelu,
    PixelNorm,
    PixelShuffle,
    PixelUnshuffle,
    Resize,
    RmsNorm,
    Scale,
    Shift,
    Slice,
    StretchedAdd,
    Unflatten,
    Upsample,
    Zero,
)
from presage.errors import InvalidArchitecture

__all__ = ["check_read", "check_weighted", "copied", "moved", "refused", "repeated"]

_CHANNEL_BY_CHANNEL = (
    BatchNorm, ConstantProduct, ConstantSum, Dropout, DropPath, Identity, Pad, PadLowest, ParametricRelu, PixelNorm,
    Resize, Scale, Shift, Unflatten, Upsample, Zero,
)  # fmt: skip
_SOFTMAX = "softmax"


def repeated(layout: Ints, copies: Ints) -> Ints:
    """(c',) the channel that each is a copy of, where numbers of tied channels are copied.

    Neighbours of one number (the channels of a group, the pixels of a flat channel) are copied together, the copies
    side by side.

    Args:
        layout: (c,) numbers, as `presage.architecture.shrinking.channels.Channels` has them.
        copies: (m,) how often each number stands there afterwards, for each time that it stood there.
    """
    ends = np.flatnonzero(np.diff(layout)) + 1
    runs = np.split(np.arange(len(layout), dtype=np.int64), ends)
    return np.concatenate([np.tile(run, copies[layout[run[0]]]) for run in runs])


def refused(index: int, operation: Operation, why: str) -> InvalidArchitecture:
    """The error of a node that cannot follow a morphism."""
    return InvalidArchitecture(f"Node {index} (`{operation.name}`) {why}. Got {shown(operation)}.")


def copied(index: int, operation: Operation, read: Sequence[Ints], sources: Sequence[Shape], made: Shape) -> Ints:
    """(c',) the channel that each channel of a node without weights across channels is a copy of.

    Args:
        read: of each input, (c',) the channel that each of its channels is a copy of.
        sources, made: shapes before anything is copied.

    Raises:
        InvalidArchitecture: names the operation: with these copies it would give something else.
    """
    if all(_as_before(one, shape) for one, shape in zip(read, sources, strict=True)):
        return np.arange(made[0], dtype=np.int64)
    first = read[0]
    match operation:
        case Add():
            if any(not np.array_equal(one, first) for one in read):
                raise refused(index, operation, "would read channels copied in different ways")
            return first
        case Multiply() | StretchedAdd() | Maximum():
            return _of_two(index, operation, read, sources)
        case Concatenate():
            before = np.cumsum([0, *(shape[0] for shape in sources)])
            return np.concatenate([one + start for one, start in zip(read, before.tolist(), strict=False)])
        case Slice():
            return first[moved(index, operation, first)] - operation.start
        case Flatten() | PixelUnshuffle():
            parts = made[0] // sources[0][0]
            return (first[:, None] * parts + np.arange(parts)).reshape(-1)
        case PixelShuffle():
            blocks = first.reshape(-1, operation.factor**2)
            whole = np.array_equal(blocks, blocks[:, :1] + np.arange(blocks.shape[1]))
            if not whole or (blocks[:, 0] % blocks.shape[1]).any():
                raise refused(index, operation, "would read parts of its squares of pixels")
            return blocks[:, 0] // blocks.shape[1]
        case ChannelShuffle():
            base = _aligned(index, operation, first, operation.groups, sources[0][0])
            return (base[:, None] * operation.groups + np.arange(operation.groups)).reshape(-1)
        case GroupedSoftmax():
            _aligned(index, operation, first, operation.groups, sources[0][0])
            return first
        case GroupNorm():
            pass
        case ChannelNorm() | RmsNorm():
            check_read(index, operation, first, sources[0][0], (1, 1), evenly=True)
        case ChannelPool():
            check_read(index, operation, first, sources[0][0], (1, 1), evenly=not operation.largest)
            return np.zeros(1, np.int64)
        case Activation() if operation.function != _SOFTMAX:
            pass
        case _ if not (operation.pools or operation.adaptive or isinstance(operation, _CHANNEL_BY_CHANNEL)):
            raise refused(index, operation, "mixes channels in a way that copies of some would change")
    return first


def check_read(
    index: int, operation: Operation, read: Ints, channels: int, groups: tuple[int, int], *, evenly: bool
) -> Ints:
    """(g',) the group of channels that each group is a copy of, where an operation works group by group.

    Args:
        read: (c',) the channel that each channel read is a copy of.
        channels: c, read before.
        groups: before and now.
        evenly: whether all channels of a group must have equally many copies, for means over them to stay.

    Raises:
        InvalidArchitecture: a group is not a copy of a whole one.
    """
    size = channels // groups[0]
    rows = read.reshape(groups[1], -1)
    found: Ints = rows[:, 0] // size
    for row, group in zip(rows, found.tolist(), strict=True):
        inside = (row >= group * size) & (row < (group + 1) * size)
        counts = np.bincount(row[inside] - group * size, minlength=size)
        if not inside.all() or counts.min() < 1:
            raise refused(index, operation, "would read groups of channels that were none before")
        if evenly and counts.min() != counts.max():
            raise refused(index, operation, "needs as many copies of each channel that it reads")
    return found


def check_weighted(
    index: int, operation: Operation, read: Ints, made: Ints, before: Shape, channels: int, groups: tuple[int, int]
) -> None:
    """Refuse an operation with weights across channels that copies of what it reads or makes would change.

    Args:
        read, made: (c',) the channel that each channel is a copy of.
        before: shape that it read before.
        channels: that it made before, of all groups; 0 where all groups make the same ones.
        groups: before and now.

    Raises:
        InvalidArchitecture: names the operation.
    """
    if not _as_before(read, before):
        if getattr(operation, "spectral", False) or getattr(operation, "standardised", False):
            raise refused(index, operation, "makes its kernels of all that it reads")
    elif len(made) == channels and groups[0] == groups[1]:
        return
    found = check_read(index, operation, read, before[0], groups, evenly=False)
    if channels and (made.reshape(groups[1], -1) // (channels // groups[0]) != found[:, None]).any():
        raise refused(index, operation, "would make channels of other groups than it reads")


def moved(index: int, operation: Slice, read: Ints) -> slice:
    """Where the channels of a slice are now.

    Raises:
        InvalidArchitecture: others are among them.
    """
    places = np.flatnonzero((read >= operation.start) & (read < operation.stop))
    if len(places) != places[-1] - places[0] + 1:
        raise refused(index, operation, "would read channels that do not follow one another")
    return slice(int(places[0]), int(places[-1]) + 1)


def _of_two(index: int, operation: Operation, read: Sequence[Ints], sources: Sequence[Shape]) -> Ints:
    """Of two inputs, of which one may have a single channel for all of the other's."""
    (left, right), (one, other) = read, sources
    if one[0] == other[0]:
        if not np.array_equal(left, right):
            raise refused(index, operation, "would read channels copied in different ways")
        return left
    wide, single = (left, right) if one[0] > other[0] else (right, left)
    if len(single) > 1:
        raise refused(index, operation, "reads a single channel for many")
    return wide


def _aligned(index: int, operation: Operation, read: Ints, groups: int, channels: int) -> Ints:
    """(c' / g,) the place within its group that each is a copy of, the same in all groups."""
    size = channels // groups
    rows = read.reshape(groups, -1) if len(read) % groups == 0 else read[:, None]
    base: Ints = rows[0]
    if len(rows) != groups or not np.array_equal(rows, base + size * np.arange(groups)[:, None]) or base.max() >= size:
        raise refused(index, operation, "would read groups of different channels")
    return base


def _as_before(read: Ints, shape: Shape) -> bool:
    return len(read) == shape[0] and bool((read == np.arange(shape[0])).all())
