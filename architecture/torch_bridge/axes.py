"""ATen operators that move, split, join and reduce the axes of tensors, as `presage.architecture` has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from torch import Tensor

from presage.architecture.decimals import decimal
from presage.architecture.operations import (
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Add,
    AveragePool,
    ChannelPool,
    ConstantProduct,
    Maximum,
    MaxPool,
    Operation,
    Pad,
    Pair,
    PixelNorm,
    Slice,
    Zero,
)
from presage.architecture.torch_bridge.joining import concatenate, joined, stack
from presage.architecture.torch_bridge.layouts import Atom, Refused, Value, fresh, permuted, settled, viewed
from presage.architecture.torch_bridge.operands import TraceStep
from presage.architecture.torch_bridge.picking import PICKING, picked, relaid

__all__ = ["AXES", "flattened", "halves", "mean", "total"]

Handler = Callable[..., Any]


def flattened(step: TraceStep, value: Value) -> Value:
    """A tensor of rank 2 is a flat vector, at once; all others stay as they are."""
    if len(value.axes) == 2 and len(value.shape) == 3 and value.axes[0] == (Atom("b", 0),) and not value.stretched:
        return settled(step.writer, value)
    return value


def _same(step: TraceStep, x: Value, *_: Any, **__: Any) -> Value:
    return x


def _view(step: TraceStep, x: Value, *_: Any, **__: Any) -> Value:
    """Any view that keeps the order of numbers: told by the shape that comes out of it."""
    if step.sizes[:1] != x.sizes[:1] and x.axes[0] == (Atom("b", 0),) and len(step.sizes) < 2:
        raise Refused("it moves the batch axis")
    return flattened(step, viewed(x, step.sizes))


def _permute(step: TraceStep, x: Value, dims: Sequence[int]) -> Value:
    return flattened(step, permuted(x, dims))


def _transpose(step: TraceStep, x: Value, first: int = 0, second: int = 1) -> Value:
    order = list(range(len(x.axes)))
    order[first], order[second] = order[second], order[first]
    return flattened(step, permuted(x, order))


def _expand(step: TraceStep, x: Value, *_: Any, **__: Any) -> Value:
    """Axes of length 1 stand for more: who reads them stretches them."""
    new = len(step.sizes) - len(x.axes)
    return replace(x, axes=((),) * new + x.axes, sizes=step.sizes)


def _slice(
    step: TraceStep, x: Value, dim: int = 0, start: int | None = None, end: int | None = None, by: int = 1
) -> Value:
    dim %= len(x.axes)
    length = x.sizes[dim]
    first, last, by = slice(start, end, by).indices(length)
    if (first, last, by) == (0, length, 1):
        return x
    return _part(step, x, dim, first, last, by)


def _part(step: TraceStep, x: Value, dim: int, first: int, last: int, by: int = 1) -> Value:
    """Positions `first` up to `last` of an axis, every `by`-th."""
    channels = x.all_of("c")
    if len(x.axes) in (2, 4) and len(x.axes[dim]) > 1 and dim == 1:
        x = settled(step.writer, x)
        channels = x.all_of("c")
    axis = x.axes[dim]
    if axis and axis == channels and by == 1:
        made = step.writer.add(Slice(first, last), _plain(step, x))
        return relaid(x, made, dim, last - first)
    if axis and axis == channels:
        return picked(step, x, dim, range(first, last, by))
    if len(axis) == 1 and axis == channels[:1] and by == 1:
        rest = x.shape[0] // x.size(axis[0])
        made = joined(step, x, first * rest, last * rest) or step.writer.add(
            Slice(first * rest, last * rest), _plain(step, x)
        )
        return _with_factor(x, made, dim, last - first)
    if len(axis) == 1 and axis[0] in channels:  # every so manieth channel, or stretches that come again
        lengths = dict(x.factors)["c"]
        every = prod(lengths[axis[0].place + 1 :])
        kept = set(range(first, last, by))
        positions = [at for at in range(prod(lengths)) if at // every % lengths[axis[0].place] in kept]
        plain = _plain(step, x)
        return _with_factor(x, picked(step, plain, 1, positions), dim, len(kept), axis[0].place)
    for side, kind in enumerate("hw"):
        if axis and axis == x.all_of(kind) and len(x.shape) == 3:
            cut = [[0, 0], [0, 0]]
            cut[0][side], cut[1][side] = -first, last - x.sizes[dim]
            made = _plain(step, x)
            if any(map(any, cut)):
                made = step.writer.add(Pad((cut[0][0], cut[0][1]), (cut[1][0], cut[1][1])), made)
            if by > 1:
                stride = (by, 1) if kind == "h" else (1, by)
                made = step.writer.add(MaxPool((1, 1), stride), made)
            return relaid(x, made, dim, len(range(first, last, by)))
    raise Refused("only channels, rows and columns can be sliced")


def _plain(step: TraceStep, x: Value) -> Value:
    return fresh(x.index, x.shape, step.writer.batch)


def _with_factor(x: Value, made: Value, dim: int, length: int, place: int = 0) -> Value:
    """The layout of `x` over a node in which one factor of the channels, the first, has another length."""
    factors = {kind: list(lengths) for kind, lengths in x.factors}
    factors["c"][place] = length
    axes = [list(axis) for axis in x.axes]
    if length == 1:  # the factor is gone, and those after it move up
        del factors["c"][place]
        axes = [
            [Atom(k, p - 1) if k == "c" and p > place else Atom(k, p) for k, p in axis if (k, p) != ("c", place)]
            for axis in axes
        ]
    return replace(
        made,
        factors=tuple((kind, tuple(lengths)) for kind, lengths in factors.items()),
        axes=tuple(map(tuple, axes)),
        sizes=(*x.sizes[:dim], length, *x.sizes[dim + 1 :]),
    )


def _select(step: TraceStep, x: Value, dim: int, index: int) -> Value:
    dim %= len(x.axes)
    index %= x.sizes[dim]
    made = _part(step, x, dim, index, index + 1) if x.sizes[dim] > 1 else x
    return flattened(step, _without(made, dim))


def _without(value: Value, *dims: int) -> Value:
    """The tensor without these axes of length 1."""
    kept = [axis for axis in range(len(value.axes)) if axis not in dims]
    return replace(value, axes=tuple(value.axes[i] for i in kept), sizes=tuple(value.sizes[i] for i in kept))


def _split(step: TraceStep, x: Value, _: Any, dim: int = 0) -> tuple[Value, ...]:
    """Told by the shapes that come out."""
    assert isinstance(step.result, list | tuple)
    dim %= len(x.axes)
    found, start = [], 0
    for part in step.result:
        assert isinstance(part, Tensor)
        length = part.shape[dim]
        found.append(x if length == x.sizes[dim] else _part(step, x, dim, start, start + length))
        start += length
    return tuple(found)


def _unbind(step: TraceStep, x: Value, dim: int = 0) -> tuple[Value, ...]:
    return tuple(_select(step, x, dim, index) for index in range(x.sizes[dim]))


# Reductions


def _dims(x: Value, dim: Any) -> list[int]:
    given = range(len(x.axes)) if dim is None else [dim] if isinstance(dim, int) else dim
    return [axis % len(x.axes) for axis in given] or list(range(len(x.axes)))


def _reduced(step: TraceStep, x: Value, dim: Any, keepdim: bool, operations: dict[str, Operation]) -> Value:
    """One node that leaves one number of the axes it reduces: `hw`, `h`, `w` or `c`, whichever they are."""
    dims = _dims(x, dim)
    if x.stretched:
        raise Refused("it reduces a stretched tensor")
    atoms = {atom for axis in dims for atom in x.axes[axis]}
    if atoms == set(x.all_of("chw")) and {"hw", "c"} <= operations.keys() and len(dims) == 3:  # of all: one by one
        channel = next(axis for axis in dims if x.axes[axis] == x.all_of("c"))
        pixels = _reduced(step, x, [axis for axis in dims if axis != channel], True, operations)
        made = _reduced(step, pixels, channel, True, operations)
        return flattened(step, made if keepdim else _without(made, *dims))
    one_pixel = len(x.axes) == 4 and x.axes[0] == (Atom("b", 0),) and len(x.shape) == 3
    if not atoms and not (one_pixel and (len(dims) == 2 or dims == [1])):
        made = x
    else:
        for kinds, operation in operations.items():
            if atoms == set(x.all_of(kinds)) and len(x.shape) == 3 and (atoms or len(kinds) == len(dims)):
                made = step.writer.add(operation, _plain(step, x))
                gone = {kind: () if kind in kinds else lengths for kind, lengths in x.factors}
                made = replace(made, factors=tuple(gone.items()))
                break
        else:
            if any(atom.kind == "b" for atom in atoms):
                raise Refused("it reckons over the images of a batch together")
            raise Refused("a mean or maximum must be over height and width, or over channels")
    axes = tuple(() if at in dims else axis for at, axis in enumerate(x.axes))
    sizes = tuple(1 if at in dims else length for at, length in enumerate(x.sizes))
    made = replace(made, axes=axes, sizes=sizes)
    return flattened(step, made if keepdim else _without(made, *dims))


def _windowed(step: TraceStep, x: Value, dim: Any, keepdim: bool, pool: Callable[[Pair], Operation]) -> Value | None:
    """A pool of windows beside each other, that a view has made axes of; None for other axes."""
    dims, lengths = _dims(x, dim), dict(x.factors)
    atoms = sorted(atom for axis in dims for atom in x.axes[axis])
    if atoms != [Atom("h", 1), Atom("w", 1)] or len(lengths["h"]) != 2 or len(lengths["w"]) != 2:
        return None
    made = step.writer.add(pool((lengths["h"][1], lengths["w"][1])), _plain(step, x))
    axes = tuple(() if at in dims else axis for at, axis in enumerate(x.axes))
    sizes = tuple(1 if at in dims else length for at, length in enumerate(x.sizes))
    gone = {kind: kept[:1] if kind in "hw" else kept for kind, kept in lengths.items()}
    made = replace(made, axes=axes, sizes=sizes, factors=tuple(gone.items()))
    return flattened(step, made if keepdim else _without(made, *dims))


def _pixels(x: Value, kinds: str = "hw") -> int:
    count = 1
    for atom in x.all_of(kinds):
        count *= x.size(atom)
    return count


def _poolings(x: Value, kind: type[AdaptiveAveragePool] | type[AdaptiveMaxPool]) -> dict[str, Operation]:
    found: dict[str, Operation] = {"hw": kind(), "c": ChannelPool(kind is AdaptiveMaxPool)}
    if len(x.shape) == 3:
        found |= {"w": kind((x.shape[1], 1)), "h": kind((1, x.shape[2]))}
    return found


def mean(step: TraceStep, x: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
    """Over pixels, rows, columns, channels or groups of channels."""
    parts = _over_groups(step, x, dim, keepdim)
    if parts is not None:
        count = x.sizes[_dims(x, dim)[0]]
        return step.writer.pointwise(ConstantProduct(decimal(1 / count)), parts)
    windows = _windowed(step, x, dim, keepdim, lambda kernel: AveragePool(kernel, kernel))
    return windows or _reduced(step, x, dim, keepdim, _poolings(x, AdaptiveAveragePool))


def _largest(step: TraceStep, x: Value, dim: Any = (), keepdim: bool = False) -> Value:
    parts = _groups(step, x, dim)
    if parts is None:
        windows = _windowed(step, x, dim, keepdim, lambda kernel: MaxPool(kernel, kernel))
        return windows or _reduced(step, x, dim, keepdim, _poolings(x, AdaptiveMaxPool))
    made = parts[0]
    for part in parts[1:]:
        made = replace(made, index=step.writer.add(Maximum(), _plain(step, made), _plain(step, part)).index)
    return flattened(step, made if keepdim else _without(made, *_dims(x, dim)))


def _largest_of(step: TraceStep, x: Value, dim: int, keepdim: bool = False) -> tuple[Value, None]:
    return _largest(step, x, dim, keepdim), None


def total(step: TraceStep, x: Value, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
    """As `mean`, times how many there are."""
    parts = _over_groups(step, x, dim, keepdim)
    if parts is not None:
        return parts
    dims = _dims(x, dim)
    count = 1
    for axis in dims:
        count *= x.sizes[axis]
    average = _reduced(step, x, dim, keepdim, _poolings(x, AdaptiveAveragePool))
    return step.writer.pointwise(ConstantProduct(decimal(float(count))), average)


def _over_groups(step: TraceStep, x: Value, dim: Any, keepdim: bool) -> Value | None:
    """The sum over the first factor of the channels, as the sum of their groups; None for other axes."""
    parts = _groups(step, x, dim)
    if parts is None:
        return None
    made = replace(parts[0], index=step.writer.add(Add(), *(_plain(step, part) for part in parts)).index)
    return flattened(step, made if keepdim else _without(made, *_dims(x, dim)))


def _groups(step: TraceStep, x: Value, dim: Any) -> list[Value] | None:
    """What stands along the first factor of the channels, one by one, if `dim` is that axis alone."""
    dims, channels = _dims(x, dim), x.all_of("c")
    if len(dims) != 1 or len(channels) < 2 or x.axes[dims[0]] != channels[:1]:
        return None
    return [_part(step, x, dims[0], index, index + 1) for index in range(x.sizes[dims[0]])]


def _pixel_norm(step: TraceStep, x: Value, dim: Any = None, keepdim: bool = False) -> Value:
    return _reduced(step, x, dim, keepdim, {"hw": PixelNorm()})


def halves(step: TraceStep, x: Value, dim: int) -> tuple[Value, Value]:
    """The first and the second half of an axis."""
    dim %= len(x.axes)
    half = x.sizes[dim] // 2
    return _part(step, x, dim, 0, half), _part(step, x, dim, half, 2 * half)


def _zeros(step: TraceStep, x: Value, *_: Any, **__: Any) -> Value:
    return step.writer.pointwise(Zero(), x)


AXES: dict[str, Handler] = {
    **dict.fromkeys(
        ("alias", "detach", "clone", "contiguous", "_to_copy", "lift_fresh", "to", "dropout", "native_dropout"), _same
    ),
    **dict.fromkeys(
        ("view", "_unsafe_view", "reshape", "_reshape_alias", "unsqueeze", "squeeze", "flatten", "unflatten"), _view
    ),
    "permute": _permute,
    "transpose": _transpose,
    "t": _transpose,
    "expand": _expand,
    "slice": _slice,
    "select": _select,
    **dict.fromkeys(("split", "split_with_sizes", "chunk"), _split),
    "unbind": _unbind,
    **PICKING,
    "cat": concatenate,
    "stack": stack,
    "mean": mean,
    "amax": _largest,
    "max": _largest_of,
    "sum": total,
    "pixel_norm": _pixel_norm,
    "zeros_like": _zeros,
}
"""By name, without the underscore of the in-place form."""
