"""Channels picked, put in another order, repeated, or filled up with constants: what ATen's indexing does to maps.

No operation picks by position. Stretches of channels are slices that are joined again; orders that a channel shuffle
gives are one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch

from presage.architecture.decimals import decimal
from presage.architecture.operations import (
    ChannelShuffle,
    Concatenate,
    ConstantProduct,
    ConstantSum,
    Operation,
    Slice,
    Upsample,
    Zero,
)
from presage.architecture.torch_bridge.layouts import MOST_COPIES, Atom, Refused, Value, fresh, settled
from presage.architecture.torch_bridge.operands import Known, TraceStep

__all__ = ["PICKING", "constant_channels", "picked", "piecewise", "relaid", "repeat_interleave"]

Handler = Callable[..., Any]

MOST_STRETCHES = 64
"""Stretches of channels that are sliced one by one, at most."""
MOST_CONSTANTS = 8
"""Stretches of channels that have a constant of their own, at most."""


def relaid(x: Value, made: Value, dim: int, length: int) -> Value:
    """The layout of `x` over a node in which the whole axis `dim` has another length."""
    kind = x.axes[dim][0].kind if x.axes[dim] else "c"
    if any(len(x.all_of(other)) > 1 for other in "chw" if other != kind):
        raise Refused("it slices a tensor whose other axes are split")
    axis = (Atom(kind, 0),) if length > 1 else ()
    axes = (*x.axes[:dim], axis, *x.axes[dim + 1 :])
    return replace(made, axes=axes, sizes=(*x.sizes[:dim], length, *x.sizes[dim + 1 :]))


def _plain(step: TraceStep, x: Value) -> Value:
    return fresh(x.index, x.shape, step.writer.batch)


def picked(step: TraceStep, x: Value, dim: int, positions: Sequence[int]) -> Value:
    """Channels at these positions, in this order."""
    dim %= len(x.axes)
    if list(positions) == list(range(x.sizes[dim])):
        return x
    if len(x.axes) in (2, 4) and dim == 1 and x.axes[1] != x.all_of("c"):
        x = settled(step.writer, x)
    if x.axes[dim] != x.all_of("c") or not positions:
        raise Refused("only channels can be picked by position")
    return relaid(x, _arranged(step, _plain(step, x), list(positions)), dim, len(positions))


def _arranged(step: TraceStep, plain: Value, positions: list[int]) -> Value:
    channels, count = plain.shape[0], len(positions)
    every = positions[1] - positions[0] if count > 1 else 1
    regular = every > 1 and channels % every == 0 and positions == list(range(positions[0], channels, every))
    if regular and positions[0] < every:  # every so manieth channel: one group of a shuffle
        turned = step.writer.add(ChannelShuffle(channels // every), plain)
        return step.writer.add(Slice(positions[0] * count, (positions[0] + 1) * count), turned)
    for groups in range(2, channels):
        if channels % groups == 0 and positions == _shuffled(channels, groups):
            return step.writer.add(ChannelShuffle(groups), plain)
    cuts = [0, *(at for at in range(1, count) if positions[at] != positions[at - 1] + 1), count]
    if len(cuts) - 1 > MOST_STRETCHES:
        raise Refused(f"it picks channels in an order of more than {MOST_STRETCHES} stretches")
    parts = []
    for first, last in pairwise(cuts):
        start, stop = positions[first], positions[last - 1] + 1
        parts.append(plain if stop - start == channels else step.writer.add(Slice(start, stop), plain))
    return parts[0] if len(parts) == 1 else step.writer.add(Concatenate(), *parts)


def _shuffled(channels: int, groups: int) -> list[int]:
    return torch.arange(channels).view(groups, -1).t().flatten().tolist()


def constant_channels(step: TraceStep, like: Value, dim: int, count: int, number: float) -> Value:
    """So many channels of one number, of the sides of `like`."""
    plain = _plain(step, like)
    if count > plain.shape[0]:
        copies = -(-count // plain.shape[0])
        if copies > MOST_COPIES:
            raise Refused(f"it adds more than {MOST_COPIES} times as many constant channels as there are")
        plain = step.writer.add(Concatenate(), *[plain] * copies)
    if count < plain.shape[0]:
        plain = step.writer.add(Slice(0, count), plain)
    made = step.writer.pointwise(Zero(), plain)
    if number:
        made = step.writer.pointwise(ConstantSum(decimal(number)), made)
    return relaid(like, made, dim, count)


def piecewise(
    step: TraceStep, x: Value, numbers: Sequence[float], kind: type[ConstantProduct] | type[ConstantSum]
) -> Value | None:
    """Times, or plus, a constant for each channel, stretch by stretch; None where there are too many of them."""
    cuts = [0, *(at for at in range(1, len(numbers)) if numbers[at] != numbers[at - 1]), len(numbers)]
    if len(cuts) - 1 > MOST_CONSTANTS:
        return None
    plain, parts = _plain(step, x), []
    for first, last in pairwise(cuts):
        part = step.writer.add(Slice(first, last), plain)
        operation: Operation = kind(decimal(numbers[first]))
        parts.append(part if operation.hands_on else step.writer.pointwise(operation, part))
    return replace(x, index=step.writer.add(Concatenate(), *parts).index)


# ATen's operators


def _positions(index: Any, length: int) -> list[int]:
    if not isinstance(index, Known) or index.tensor.dim() != 1:
        raise Refused("it picks values by positions that are no list of channels")
    if index.tensor.dtype == torch.bool:
        return index.tensor.nonzero().flatten().tolist()
    return [int(at) % length for at in index.tensor.tolist()]


def _index(step: TraceStep, x: Value, indices: Sequence[Any]) -> Value:
    given = [dim for dim, index in enumerate(indices) if index is not None]
    if len(given) != 1:
        raise Refused("it picks values by positions on several axes")
    return picked(step, x, given[0], _positions(indices[given[0]], x.sizes[given[0]]))


def _index_select(step: TraceStep, x: Value, dim: int, index: Any) -> Value:
    return picked(step, x, dim, _positions(index, x.sizes[dim]))


def _flip(step: TraceStep, x: Value, dims: Sequence[int]) -> Value:
    for dim in dims:
        x = picked(step, x, dim, range(x.sizes[dim] - 1, -1, -1))
    return x


def _roll(step: TraceStep, x: Value, shifts: Sequence[int], dims: Sequence[int] = ()) -> Value:
    if len(shifts) != len(dims):
        raise Refused("it rolls a tensor as a whole")
    for shift, dim in zip(shifts, dims, strict=True):
        length = x.sizes[dim]
        x = picked(step, x, dim, [(at - shift) % length for at in range(length)])
    return x


def _repeat(step: TraceStep, x: Value, repeats: Sequence[int]) -> Value:
    """Axes of length 1 stand for more, as expanded ones do."""
    new = len(repeats) - len(x.axes)
    x = replace(x, axes=((),) * new + x.axes, sizes=(1,) * new + x.sizes)
    dims = [at for at, times in enumerate(repeats) if times != 1 and x.sizes[at] != 1]
    if len(dims) > 1 or any(x.axes[dim] != x.all_of("c") for dim in dims):
        raise Refused("only channels can be repeated, and axes of length 1")
    for dim in dims:
        x = picked(step, x, dim, [*range(x.sizes[dim])] * repeats[dim])
    return replace(x, sizes=step.sizes)


def repeat_interleave(step: TraceStep, x: Value, repeats: Any, dim: int | None = None, **_: Any) -> Value:
    """Each channel, row or column several times."""
    if not isinstance(repeats, int) or dim is None:
        raise Refused("it repeats values by numbers that differ from place to place")
    value = settled(step.writer, x)
    match dim % len(x.axes):
        case 1:
            whole = step.writer.add(Concatenate(), *[value] * repeats)
            return step.writer.add(ChannelShuffle(repeats), whole)
        case 2 | 3 as side:
            return step.writer.add(Upsample((repeats, 1) if side == 2 else (1, repeats)), value)
    raise Refused("it repeats images")


PICKING: dict[str, Handler] = {
    "index": _index,
    "index_select": _index_select,
    "flip": _flip,
    "roll": _roll,
    "repeat": _repeat,
}
"""By name."""
