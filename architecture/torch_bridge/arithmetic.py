"""ATen operators that reckon place by place, and torch's norms and linear layers, as operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from presage.architecture.decimals import decimal
from presage.architecture.operations import (
    Activation,
    Add,
    BatchNorm,
    ChannelNorm,
    Concatenate,
    ConstantProduct,
    ConstantSum,
    Convolution,
    GroupNorm,
    Linear,
    LocalResponseNorm,
    Maximum,
    Multiply,
    Operation,
    RmsNorm,
    Scale,
    Shift,
    StretchedAdd,
    Unflatten,
)
from presage.architecture.torch_bridge.layouts import Atom, Refused, Value, fresh, permuted, settled
from presage.architecture.torch_bridge.operands import Known, Source, TraceStep
from presage.architecture.torch_bridge.picking import piecewise

__all__ = ["ARITHMETIC", "ATTENDS", "LAYERS", "add", "at_least", "multiply", "number_of", "times"]

ATTENDS = "multiplies feature maps by each other, as attention does: presage knows convolutional networks only"
"""Why attention is refused."""

Handler = Callable[..., Any]


# Sums and products


def add(step: TraceStep, x: Any, other: Any, *, alpha: float = 1) -> Value:
    if alpha != 1:
        other = times(step, other, alpha) if isinstance(other, Value) else _scaled(other, alpha)
    if isinstance(x, Value) and isinstance(other, Value):
        return _both(step, x, other, Add(), StretchedAdd())
    value, known = (x, other) if isinstance(x, Value) else (other, x)
    number = number_of(step, known)
    if number is not None:
        return step.writer.pointwise(ConstantSum(decimal(number)), value) if number else value
    return _channelwise(step, value, known, Shift, "bias")


def _subtract(step: TraceStep, x: Any, other: Any, *, alpha: float = 1) -> Value:
    return add(step, x, other, alpha=-alpha)


def _subtract_from(step: TraceStep, x: Any, other: Any, alpha: float = 1) -> Value:
    return add(step, other, x, alpha=-alpha)


def multiply(step: TraceStep, x: Any, other: Any) -> Value:
    if isinstance(x, Value) and isinstance(other, Value):
        return _both(step, x, other, Multiply(), Multiply())
    value, known = (x, other) if isinstance(x, Value) else (other, x)
    number = number_of(step, known)
    if number is not None:
        return times(step, value, number)
    return _channelwise(step, value, known, Scale, "weight")


def _divide(step: TraceStep, x: Any, other: Any, *, rounding_mode: str | None = None) -> Value:
    if rounding_mode is not None:
        raise Refused("no operation rounds")
    if isinstance(other, Value):
        return multiply(step, x, step.writer.pointwise(Activation("reciprocal"), other))
    number = number_of(step, other)
    if number is not None and number != 0:
        return times(step, x, 1 / number)
    if number == 0 or not isinstance(other, Known) or other.parameters:
        raise Refused("it divides by learned numbers")
    return multiply(step, x, replace(other, tensor=1 / other.tensor))


def _add_product(step: TraceStep, x: Any, first: Any, second: Any, *, value: float = 1) -> Value:
    if isinstance(first, Known) and isinstance(second, Known):
        raise Refused("it adds a product of learned numbers")
    product = multiply(step, first, second)
    return add(step, x, times(step, product, value))


def _maximum(step: TraceStep, x: Any, other: Any) -> Value:
    if isinstance(x, Value) and isinstance(other, Value):
        return _both(step, x, other, Maximum(), Maximum())
    value, known = (x, other) if isinstance(x, Value) else (other, x)
    number = number_of(step, known)
    if number is None:
        raise Refused("it compares with numbers that differ from place to place")
    return at_least(step, value, number)


def _minimum(step: TraceStep, x: Any, other: Any) -> Value:
    least = [_negative(step, one) if isinstance(one, Value) else _scaled(one, -1) for one in (x, other)]
    return _negative(step, _maximum(step, *least))


def at_least(step: TraceStep, x: Value, number: float) -> Value:
    """The larger of each value and a number."""
    return add(step, step.writer.pointwise(Activation("relu"), add(step, x, -number)), number)


def _negative(step: TraceStep, x: Value) -> Value:
    return times(step, x, -1)


def times(step: TraceStep, x: Value, number: float) -> Value:
    return x if number == 1 else step.writer.pointwise(ConstantProduct(decimal(number)), x)


def _scaled(known: Any, factor: float) -> Any:
    return replace(known, tensor=known.tensor * factor) if isinstance(known, Known) else known * factor


def number_of(step: TraceStep, known: Any) -> float | None:
    """A fixed number; None for what is learned, and for several fixed numbers.

    Raises:
        Refused: a number that training changes, though nothing learns it.
    """
    if isinstance(known, int | float):
        return float(known)
    if not isinstance(known, Known):
        raise Refused("it mixes tensors with other things")
    step.weights.refuse_statistics(known)
    if known.parameters:
        return None
    least, most = float(known.tensor.min()), float(known.tensor.max())
    return least if least == most else None


def _channelwise(step: TraceStep, x: Value, known: Known, kind: type[Scale] | type[Shift], own: str) -> Value:
    """A learned number for each channel, or one; or a fixed one for each channel."""
    if known.tensor.numel() > 1:
        shape = tuple(known.tensor.shape)
        aligned = (1,) * (len(x.axes) - len(shape)) + shape
        along = [axis for axis, length in enumerate(aligned) if length > 1]
        if len(aligned) > len(x.axes) or [x.axes[axis] for axis in along] != [x.all_of("c")]:
            which = "learned" if known.parameters else "fixed"
            raise Refused(f"{which} numbers must be one for each channel, or one for all")
    if known.parameters:
        value = step.writer.pointwise(kind(known.tensor.numel() > 1), x)
        step.weights.hold(value.index, step.weights.plain(own, known))
        return value
    constant = ConstantProduct if kind is Scale else ConstantSum
    told = piecewise(step, x, known.tensor.flatten().tolist(), constant)
    if told is not None:
        return told
    value = step.writer.pointwise(kind(fixed=True), x)
    step.weights.hold(value.index, Source(own, "", values=known.tensor.flatten().clone()))
    return value


def _both(step: TraceStep, x: Value, other: Value, equal: Operation, stretched: Operation) -> Value:
    """A node that reads two tensors, in one layout where they share it."""
    rank = max(len(x.axes), len(other.axes))
    x, other = _of_rank(x, rank), _of_rank(other, rank)
    if x.axes != other.axes and any(a != b and a and b for a, b in zip(x.axes, other.axes, strict=True)):
        x, other = settled(step.writer, x), settled(step.writer, other)
    x, other = _repeated(step, x, other), _repeated(step, other, x)
    if len(x.shape) != len(other.shape):
        x, other = _as_map(step, x), _as_map(step, other)
    same = x.axes == other.axes and x.shape == other.shape
    inputs = [fresh(value.index, value.shape, step.writer.batch) for value in (x, other)]
    made = step.writer.add(equal if same else stretched, *inputs)
    axes = tuple(a or b for a, b in zip(x.axes, other.axes, strict=True))
    lengths = dict(x.factors)
    for kind, own in other.factors:
        lengths[kind] = lengths[kind] or own
    sizes = tuple(max(a, b) for a, b in zip(x.sizes, other.sizes, strict=True))
    found = replace(made, axes=axes, sizes=sizes, factors=tuple(lengths.items()))
    if any(axis and _length(found, axis) != size for axis, size in zip(axes, sizes, strict=True)):
        raise Refused("it reckons with tensors of unlike shapes")
    return found


def _as_map(step: TraceStep, value: Value) -> Value:
    """A flat vector as a map of one pixel, in the same layout."""
    if len(value.shape) == 3:
        return value
    made = step.writer.add(Unflatten(), fresh(value.index, value.shape, step.writer.batch))
    return replace(value, index=made.index, shape=made.shape)


def _length(value: Value, axis: Sequence[Atom]) -> int:
    length = 1
    for atom in axis:
        length *= value.size(atom)
    return length


def _of_rank(value: Value, rank: int) -> Value:
    new = rank - len(value.axes)
    return replace(value, axes=((),) * new + value.axes, sizes=(1,) * new + value.sizes) if new else value


def _repeated(step: TraceStep, x: Value, other: Value) -> Value:
    """`x` once for each group of channels, where `other` has them in groups and `x` the same for all."""
    groups, own = other.all_of("c"), x.all_of("c")
    if len(groups) != 2 or len(own) > 1 or any(len(axis) > 1 for axis in (*x.axes, *other.axes)):
        return x
    whole = own and x.size(own[0]) == other.size(groups[1]) and groups[1:] in other.axes
    if not whole or x.axes[other.axes.index(groups[1:])] != own or x.axes[other.axes.index(groups[:1])] != ():
        return x
    plain = fresh(x.index, x.shape, step.writer.batch)
    count = other.size(groups[0])
    made = step.writer.add(Concatenate(), *[plain] * count)
    at = other.axes.index(groups[:1])
    axes = [tuple(Atom(k, 1) if k == "c" else Atom(k, p) for k, p in axis) for axis in x.axes]
    axes[at] = (Atom("c", 0),)
    factors = {kind: lengths if kind != "c" else (count, x.size(own[0])) for kind, lengths in x.factors}
    sizes = (*x.sizes[:at], count, *x.sizes[at + 1 :])
    return replace(made, axes=tuple(axes), sizes=sizes, factors=tuple(factors.items()))


# Layers


def _linear(step: TraceStep, x: Any, weight: Any, bias: Any = None) -> Value:
    if not isinstance(x, Value) or not isinstance(weight, Known):
        raise Refused("its weights are computed from the images")
    if x.axes[-1] != x.all_of("c") or x.stretched:
        if len(x.axes) not in (2, 4) or (len(x.axes) == 4 and not any(atom.kind == "c" for atom in x.axes[3])):
            raise Refused("a linear layer must run over the channels of each pixel, or over a flat vector")
        last = len(x.axes) == 4
        x = settled(step.writer, permuted(x, (0, 3, 1, 2)) if last else x)
        x = permuted(x, (0, 2, 3, 1)) if last else x
    made, sources = step.weights.kernels(weight)
    if made.get("fixed"):
        raise Refused("its weights are fixed, and those of a linear layer are learned")
    features = len(weight.tensor)
    operation: Operation
    if len(x.shape) == 1:
        operation = Linear(features, bias is not None, **made)
    else:
        operation = Convolution(features, (1, 1), (1, 1), (0, 0), bias=bias is not None, **made)
    value = step.writer.add(operation, fresh(x.index, x.shape, step.writer.batch))
    step.weights.hold(value.index, *sources, step.weights.plain("bias", bias))
    axes = (*x.axes[:-1], value.all_of("c"))
    return replace(value, axes=axes, sizes=(*x.sizes[:-1], features))


def _matrix_product(step: TraceStep, x: Any, other: Any, bias: Any = None) -> Value:
    """x · W, where the weights are (inputs, outputs)."""
    if isinstance(other, Known) and other.tensor.dim() == 3 and len(other.tensor) == 1:
        other = replace(other, tensor=other.tensor[0])  # of a batch of one: `einsum`
    if not isinstance(x, Value) or not isinstance(other, Known) or other.tensor.dim() != 2:
        raise Refused(f"it {ATTENDS}")
    return _linear(step, x, replace(other, tensor=other.tensor.t()), bias)


def _added_product(step: TraceStep, bias: Any, x: Any, other: Any, *, beta: float = 1, alpha: float = 1) -> Value:
    if (beta, alpha) != (1, 1):
        raise Refused("a matrix product must have no factors of its own")
    return _matrix_product(step, x, other, bias)


def _affine(step: TraceStep, x: Value, norm: Callable[[bool], Operation], weight: Any, bias: Any) -> Value:
    """A normalisation that learns a scale and a shift; one of them alone is a node of its own."""
    both = weight is not None and bias is not None
    value = step.writer.pointwise(norm(both), x)
    if both:
        step.weights.hold(value.index, step.weights.plain("weight", weight), step.weights.plain("bias", bias))
        return value
    for known, kind, own in ((weight, Scale, "weight"), (bias, Shift, "bias")):
        if known is not None:
            value = step.writer.pointwise(kind(), value)
            step.weights.hold(value.index, step.weights.plain(own, known))
    return value


def _batch_norm(
    step: TraceStep,
    x: Value,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
) -> Value:
    if x.axes[1] != x.all_of("c") or x.axes[:1] != ((Atom("b", 0),),):
        raise Refused("a batch normalisation must run over channels")
    if training != (running_mean is None):
        raise Refused("a batch normalisation must use its statistics, or have none")
    index = len(step.writer.nodes)
    tracked = running_mean is not None
    value = _affine(step, x, lambda affine: BatchNorm(affine, decimal(eps), tracked), weight, bias)
    if tracked:
        means = step.weights.plain("running_mean", running_mean)
        step.weights.hold(index, means, step.weights.plain("running_var", running_var))
    return value


def _instance_norm(
    step: TraceStep,
    x: Value,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Value:
    if not use_input_stats:
        raise Refused("an instance normalisation must keep no statistics")
    return _group_norm(step, x, x.sizes[1], weight, bias, eps)


def _group_norm(
    step: TraceStep, x: Value, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Value:
    x = settled(step.writer, x)
    return _affine(step, x, lambda affine: GroupNorm(num_groups, affine, decimal(eps)), weight, bias)


def _layer_norm(
    step: TraceStep, x: Value, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Value:
    atoms = tuple(atom for axis in x.axes[len(x.axes) - len(normalized_shape) :] for atom in axis)
    if atoms == x.all_of("chw") and weight is None and bias is None:
        return step.writer.pointwise(GroupNorm(1, False, decimal(eps)), x)
    if len(normalized_shape) != 1 or atoms != x.all_of("c"):
        raise Refused("a layer normalisation must run over the channels of each pixel")
    if len(x.shape) == 1:
        return _affine(step, x, lambda affine: GroupNorm(1, affine, decimal(eps)), weight, bias)
    if weight is None or bias is not None:
        return _affine(step, x, lambda affine: ChannelNorm(affine, True, decimal(eps)), weight, bias)
    value = step.writer.pointwise(ChannelNorm(True, False, decimal(eps)), x)
    step.weights.hold(value.index, step.weights.plain("weight", weight))
    return value


def _rms_norm(
    step: TraceStep, x: Value, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None
) -> Value:
    if len(normalized_shape) != 1 or x.axes[-1] != x.all_of("c"):
        raise Refused("a root mean square must be over the channels of each pixel")
    value = step.writer.pointwise(RmsNorm(weight is not None, decimal(2**-23 if eps is None else eps)), x)
    step.weights.hold(value.index, step.weights.plain("weight", weight))
    return value


def _local_response_norm(
    step: TraceStep, x: Value, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Value:
    norm = LocalResponseNorm(size, decimal(alpha), decimal(beta), decimal(k))
    return step.writer.add(norm, settled(step.writer, x))


ARITHMETIC: dict[str, Handler] = {
    "add": add,
    "sub": _subtract,
    "subtract": _subtract,
    "rsub": _subtract_from,
    "mul": multiply,
    "multiply": multiply,
    "div": _divide,
    "divide": _divide,
    "addcmul": _add_product,
    "neg": _negative,
    "maximum": _maximum,
    "minimum": _minimum,
    "mm": _matrix_product,
    "bmm": _matrix_product,
    "matmul": _matrix_product,
    "addmm": _added_product,
}
"""By name, without the underscore of the in-place form."""

LAYERS: dict[str, Handler] = {
    "linear": _linear,
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "group_norm": _group_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "local_response_norm": _local_response_norm,
}
"""Layers taken whole, as torch's functions of these names are called."""
