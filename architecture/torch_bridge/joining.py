"""Tensors joined: along channels, or side by side along an axis of their own, as stacks are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from presage.architecture.operations import Concatenate
from presage.architecture.torch_bridge.layouts import Atom, Refused, Value, fresh, permuted, settled, viewed
from presage.architecture.torch_bridge.operands import Known, TraceStep
from presage.architecture.torch_bridge.picking import constant_channels

__all__ = ["concatenate", "joined", "stack"]


def concatenate(step: TraceStep, tensors: Sequence[Any], dim: int = 0) -> Value:
    if len(tensors) == 1:
        return tensors[0]  # type: ignore[no-any-return]
    like: Value = next(value for value in tensors if isinstance(value, Value))
    dim %= len(like.axes)
    tensors = [value if isinstance(value, Value) else _constant(step, value, like, dim) for value in tensors]
    first: Value = tensors[0]
    if any(value.axes[dim] != value.all_of("c") for value in tensors):
        if len(first.axes) > 2 and all(_stands_before_channels(value, dim) for value in tensors):
            return _beside(step, tensors, dim)
        raise Refused("only channels can be joined")
    alike = {tuple(axis for at, axis in enumerate(value.axes) if at != dim) for value in tensors}
    if len(alike) > 1 or first.stretched or first.axes[:1] != ((Atom("b", 0),),):
        tensors = [settled(step.writer, value) for value in tensors]
        first, dim = tensors[0], 1
    made = step.writer.add(Concatenate(), *(_plain(step, value) for value in tensors))
    if first.axes == _plain(step, first).axes:
        return made
    return replace(
        made,
        axes=(*first.axes[:dim], made.all_of("c"), *first.axes[dim + 1 :]),
        sizes=(*first.sizes[:dim], made.shape[0], *first.sizes[dim + 1 :]),
    )


def _constant(step: TraceStep, known: Any, like: Value, dim: int) -> Value:
    """Channels that do not depend on the images, all of one number, to be joined with those of `like`."""
    if not isinstance(known, Known) or known.parameters or like.axes[dim] not in (like.all_of("c"), ()):
        raise Refused("it joins tensors with other things")
    least, most = float(known.tensor.min()), float(known.tensor.max())
    if least != most:
        raise Refused("it joins maps with fixed numbers that differ from place to place")
    return constant_channels(step, like, dim, known.tensor.shape[dim], least)


def stack(step: TraceStep, tensors: Sequence[Any], dim: int = 0) -> Value:
    if not all(isinstance(value, Value) for value in tensors):
        raise Refused("it joins tensors with other things")
    dim %= len(tensors[0].axes) + 1
    plain = [settled(step.writer, value) for value in tensors]
    return _beside(
        step,
        [replace(x, axes=(*x.axes[:dim], (), *x.axes[dim:]), sizes=(*x.sizes[:dim], 1, *x.sizes[dim:])) for x in plain],
        dim,
    )


def _stands_before_channels(x: Value, dim: int) -> bool:
    """Whether an axis has length 1, or runs over groups of channels whose members have an axis of their own."""
    channels = x.all_of("c")
    return not x.axes[dim] if x.sizes[dim] == 1 else len(channels) == 2 and x.axes[dim] == channels[:1]


def _beside(step: TraceStep, tensors: Sequence[Value], dim: int) -> Value:
    """Tensors joined along an axis before that of channels, wherever it stands: groups of channels."""
    images = 1 if dim == 0 else 0
    order = [images, dim, *(at for at in range(len(tensors[0].axes)) if at not in (images, dim))]
    turned = [permuted(value, order) for value in tensors]
    wide = [viewed(x, (x.sizes[0], x.sizes[1] * x.sizes[2], *x.sizes[3:])) for x in turned]
    made = concatenate(step, wide, 1)
    first, *_ = turned
    count = sum(x.sizes[1] for x in turned)
    apart = viewed(made, (first.sizes[0], count, *first.sizes[2:]))
    return permuted(apart, [order.index(at) for at in range(len(order))])


def joined(step: TraceStep, x: Value, start: int, stop: int) -> Value | None:
    """What was joined (or stacked) at just these channels; None where they are no input of their own."""
    node, at = step.writer.nodes[x.index], 0
    for source in node.inputs if isinstance(node.operation, Concatenate) else ():
        shape = step.writer.shapes[source]
        if at == start and at + shape[0] == stop:
            return fresh(source, shape, step.writer.batch)
        at += shape[0]
    return None


def _plain(step: TraceStep, x: Value) -> Value:
    return fresh(x.index, x.shape, step.writer.batch)
