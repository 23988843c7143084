"""What torch's own steps (ATen operators) are as operations: the dictionary of `trace`.

Each function here takes the step at hand and the arguments of torch's operator: tensors that depend on the images stand
as `Value`, all others as `Known`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from presage.architecture.decimals import decimal
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    ChannelConvolution,
    ChannelShuffle,
    Convolution,
    GroupedSoftmax,
    MaxPool,
    Operation,
    Pad,
    PadLowest,
    Pair,
    ParametricRelu,
    PixelShuffle,
    PixelUnshuffle,
    Resize,
    TransposedConvolution,
    Upsample,
)
from presage.architecture.torch_bridge.arithmetic import ARITHMETIC, ATTENDS, LAYERS, add, times
from presage.architecture.torch_bridge.axes import AXES
from presage.architecture.torch_bridge.conditions import COMPARISONS
from presage.architecture.torch_bridge.formulas import FORMULAS
from presage.architecture.torch_bridge.layouts import Atom, Refused, Value, permuted, settled, viewed
from presage.architecture.torch_bridge.operands import Known, Source, TraceStep
from presage.architecture.torch_bridge.picking import constant_channels

__all__ = ["OPERATORS"]

Handler = Callable[..., Any]


def pair(value: int | Sequence[int]) -> Pair:
    if isinstance(value, int):
        return value, value
    parts = tuple(int(part) for part in value)
    return (parts[0], parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def _convolution(
    step: TraceStep,
    x: Value,
    weight: Any,
    bias: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Value:
    if not isinstance(x, Value) or not isinstance(weight, Known):
        raise Refused("its weights are computed from the images")
    if weight.tensor.dim() == 3 and not transposed:
        return _across_channels(step, x, weight, bias, (*stride, *dilation, groups), padding[0])
    if weight.tensor.dim() != 4:
        raise Refused("a convolution must be of images")
    window = pair(weight.tensor.shape[2:]), pair(stride), pair(padding), pair(dilation)
    sources: list[Source | None]
    if transposed:
        sources = [step.weights.plain("weight", weight)]
        channels = weight.tensor.shape[1] * groups
        operation: Operation = TransposedConvolution(channels, *window, pair(output_padding), groups, bias is not None)
    else:
        made, told = step.weights.kernels(weight)
        sources = [*told]
        operation = Convolution(len(weight.tensor), *window, groups, bias is not None, **made)
    value = step.writer.add(operation, settled(step.writer, x))
    step.weights.hold(value.index, *sources, step.weights.plain("bias", bias))
    return value


def _across_channels(step: TraceStep, x: Value, weight: Known, bias: Any, plain: Sequence[int], padding: int) -> Value:
    kernel = weight.tensor.shape[-1]
    if kernel == 1 and set(plain) == {1} and not padding and len(x.axes) == 3 and x.axes[1] == x.all_of("c"):
        made = permuted(x, (0, 2, 1))  # of one pixel each: a linear layer over channels
        return permuted(LAYERS["linear"](step, made, replace(weight, tensor=weight.tensor[..., 0]), bias), (0, 2, 1))
    across = len(x.axes) == 3 and not x.axes[1] and x.axes[2] == x.all_of("c") and not x.stretched
    if weight.tensor.shape[:2] != (1, 1) or not across or set(plain) != {1} or 2 * padding != kernel - 1:
        raise Refused("a 1-d convolution must run across the channels of one pixel, padded at both ends")
    value = step.writer.pointwise(ChannelConvolution(kernel, bias is not None), x)
    step.weights.hold(value.index, step.weights.plain("weight", weight), step.weights.plain("bias", bias))
    return value


def _max_pool(
    step: TraceStep,
    x: Value,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Value:
    kernel = pair(kernel_size)
    operation = MaxPool(kernel, pair(stride) if stride else kernel, pair(padding), bool(ceil_mode), pair(dilation))
    return step.writer.add(operation, settled(step.writer, x))


def _average_pool(
    step: TraceStep,
    x: Value,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    if divisor_override is not None and ceil_mode:
        raise Refused("an average-pool with a divisor of its own must not round up")
    kernel = pair(kernel_size)
    steps = pair(stride) if stride else kernel
    count_padding = bool(count_include_pad) or divisor_override is not None
    operation = AveragePool(kernel, steps, pair(padding), bool(ceil_mode), count_padding)
    made = step.writer.add(operation, settled(step.writer, x))
    return made if divisor_override is None else times(step, made, kernel[0] * kernel[1] / divisor_override)


def _adaptive(kind: type[AdaptiveAveragePool] | type[AdaptiveMaxPool]) -> Handler:
    def pool(step: TraceStep, x: Value, *_: Any, **__: Any) -> Value:
        result = step.result if isinstance(step.result, Tensor) else next(iter(step.result))  # type: ignore[call-overload]
        return step.writer.add(kind(pair(result.shape[-2:])), settled(step.writer, x))

    return pool


def _activation(function: str, usual: float | None = None) -> Handler:
    """`usual`: torch's default of the first further argument, which `Activation.parameter` holds where it differs."""

    def act(step: TraceStep, x: Value, parameter: Any = usual, *others: Any, **named: Any) -> Value:
        if others and set(others) - {1, 20}:
            raise Refused(f"`{function}` takes no scale of its own")
        own = (0, 0) if usual is None or parameter == usual else decimal(float(parameter))
        return step.writer.pointwise(Activation(function, own), x)

    return act


def _elu(step: TraceStep, x: Value, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Value:
    if abs(alpha - 1.6732632423543772) < 1e-6 and abs(scale - 1.0507009873554805) < 1e-6 and input_scale == 1:
        return step.writer.pointwise(Activation("selu"), x)
    if scale != 1 or input_scale != 1:
        raise Refused("an ELU must have no scale of its own")
    return step.writer.pointwise(Activation("elu", (0, 0) if alpha == 1 else decimal(float(alpha))), x)


def _gelu(step: TraceStep, x: Value, *, approximate: str = "none") -> Value:
    return step.writer.pointwise(Activation("gelu_tanh" if approximate == "tanh" else "gelu"), x)


def _prelu(step: TraceStep, x: Value, weight: Any) -> Value:
    if not isinstance(weight, Known):
        raise Refused("its weights are computed from the images")
    several = weight.tensor.numel() > 1
    if several and (len(x.axes) < 2 or x.axes[1] != x.all_of("c")):
        raise Refused("a PReLU must have a slope for each channel, or one")
    value = step.writer.pointwise(ParametricRelu(several), x)
    step.weights.hold(value.index, step.weights.plain("weight", weight))
    return value


def _softmax(step: TraceStep, x: Value, dim: int, *_: Any) -> Value:
    axis, channels = x.axes[dim % len(x.axes)], x.all_of("c")
    if axis == channels and channels:
        return step.writer.pointwise(Activation("softmax"), x)
    if len(axis) == 1 and len(channels) > 1 and axis == channels[:1]:
        return step.writer.pointwise(GroupedSoftmax(x.size(axis[0])), x)
    if axis and axis[0] == Atom("b", 0):
        raise Refused("a softmax must not run over images")
    raise Refused(f"its softmax runs over pixels, and it {ATTENDS}")


def _pad(step: TraceStep, x: Value, pad: Sequence[int], mode: str = "constant", value: float | None = 0) -> Value:
    """`pad` is torch's: the last axis first."""
    widths = [(int(a), int(b)) for a, b in zip(pad[::2], pad[1::2], strict=True)]
    by_axis = dict(enumerate(reversed(widths), start=len(x.axes) - len(widths)))
    by_kind = {x.axes[axis]: both for axis, both in by_axis.items() if both != (0, 0)}
    height, width, channels = x.all_of("h"), x.all_of("w"), x.all_of("c")
    if mode == "constant" and channels and channels in by_kind and min(by_kind[channels]) >= 0:
        at, around = x.axes.index(channels), by_kind.pop(channels)
        front, behind = ([constant_channels(step, x, at, n, value or 0)] if n else [] for n in around)
        x = AXES["cat"](step, [*front, x, *behind], at)
    if set(by_kind) - {height, width} or () in by_kind or len(x.shape) != 3:
        raise Refused("only maps can be padded, above, below and on both sides")
    (top, bottom), (left, right) = by_kind.get(height, (0, 0)), by_kind.get(width, (0, 0))
    before, after = (top, left), (bottom, right)
    if not any(before + after):
        return x
    operation: Operation
    if mode != "constant":
        operation = Pad(before, after, mode)
    elif not value:
        operation = Pad(before, after)
    elif value == -float("inf") or (value or 0) <= -3e38:
        operation = PadLowest(before, after)
    else:
        return add(step, _in_place_of(step, add(step, x, -value), Pad(before, after)), value)
    return _in_place_of(step, x, operation)


def _in_place_of(step: TraceStep, x: Value, operation: Operation) -> Value:
    """The operation on a map, whatever order its axes stand in."""
    value = settled(step.writer, x) if x.axes[1:2] == (x.all_of("c"),) else x
    made = step.writer.add(operation, value)
    if value is not x:
        return made
    sizes = {Atom(kind, 0): length for kind, length in zip("chw", made.shape, strict=True)}
    if any(len(axis) > 1 for axis in x.axes):
        raise Refused("it pads a map whose axes are joined")
    axes = tuple(sizes.get(axis[0], size) if axis else size for axis, size in zip(x.axes, x.sizes, strict=True))
    return Value(made.index, made.shape, made.factors, x.axes, axes)


def _constant_pad(step: TraceStep, x: Value, pad: Sequence[int], value: float = 0) -> Value:
    return _pad(step, x, pad, "constant", value)


def _bordered(mode: str) -> Handler:
    return lambda step, x, padding: _pad(step, x, padding, mode)


def _shuffle(kind: type[PixelShuffle] | type[PixelUnshuffle]) -> Handler:
    return lambda step, x, factor: step.writer.add(kind(int(factor)), settled(step.writer, x))


def _channel_shuffle(step: TraceStep, x: Value, groups: int) -> Value:
    return step.writer.add(ChannelShuffle(int(groups)), settled(step.writer, x))


def _resized(method: str, smoothed: bool = False) -> Handler:
    """Whole multiples of the sides are `upsample`, other sizes `resize`."""

    def resized(step: TraceStep, x: Value, *arguments: Any, **_: Any) -> Value:
        before, after = x.sizes[2:], step.sizes[2:]
        aligned = not method.startswith("nearest") and any(argument is True for argument in arguments)
        multiple = not smoothed and not any(new % old for old, new in zip(before, after, strict=True))
        if before == after:
            return x
        value = settled(step.writer, x)
        if multiple and method in ("nearest", "nearest-exact", "bilinear"):
            factor = (after[0] // before[0], after[1] // before[1])
            return step.writer.add(Upsample(factor, method == "bilinear", aligned), value)
        smaller = not smoothed and not aligned and not any(old % new for old, new in zip(before, after, strict=True))
        factors = (before[0] // after[0], before[1] // after[1])
        if smaller and method == "nearest":
            return step.writer.add(MaxPool((1, 1), factors), value)
        if smaller and method == "bilinear" and factors == (2, 2):
            return step.writer.add(AveragePool(), value)
        return step.writer.add(Resize((after[0], after[1]), method, aligned, smoothed), value)

    return resized


def _patches(
    step: TraceStep, x: Value, kernel: Sequence[int], dilation: Any, padding: Any, stride: Sequence[int]
) -> Value:
    """`unfold`, of squares beside each other: pixels become channels."""
    side = pair(kernel)
    beside = pair(stride) == side and pair(dilation) == (1, 1) and pair(padding) == (0, 0)
    if not beside or side[0] != side[1] or any(length % side[0] for length in x.sizes[2:]):
        raise Refused("it unfolds windows that overlap")
    return viewed(step.writer.add(PixelUnshuffle(side[0]), settled(step.writer, x)), step.sizes)


def _windows(step: TraceStep, x: Value, dim: int, size: int, every: int) -> Value:
    """An axis as windows beside each other, and what is in them as a last axis."""
    dim %= len(x.axes)
    if size != every or x.sizes[dim] % size:
        raise Refused("it unfolds windows that overlap")
    split = viewed(x, (*x.sizes[:dim], x.sizes[dim] // size, size, *x.sizes[dim + 1 :]))
    order = [*range(dim + 1), *range(dim + 2, len(x.axes) + 1), dim + 1]
    return permuted(split, order)


def _attention(step: TraceStep, *_: Any, **__: Any) -> Value:
    raise Refused(f"it {ATTENDS}")


OPERATORS: dict[str, Handler] = {
    **COMPARISONS,
    **AXES,
    **ARITHMETIC,
    **FORMULAS,
    "convolution": _convolution,
    "max_pool2d_with_indices": _max_pool,
    "max_pool2d": _max_pool,
    "avg_pool2d": _average_pool,
    "_adaptive_avg_pool2d": _adaptive(AdaptiveAveragePool),
    "adaptive_avg_pool2d": _adaptive(AdaptiveAveragePool),
    "adaptive_max_pool2d": _adaptive(AdaptiveMaxPool),
    "relu": _activation("relu"),
    "relu6": _activation("relu6"),
    "silu": _activation("silu"),
    "sigmoid": _activation("sigmoid"),
    "tanh": _activation("tanh"),
    "hardswish": _activation("hardswish"),
    "hardsigmoid": _activation("hardsigmoid"),
    "mish": _activation("mish"),
    "leaky_relu": _activation("leaky_relu", 0.01),
    "elu": _elu,
    "gelu": _gelu,
    "erf": _activation("error_function"),
    "log": _activation("logarithm"),
    "sin": _activation("sine"),
    "exp": _activation("exponential"),
    "sqrt": _activation("root"),
    "abs": _activation("absolute"),
    "reciprocal": _activation("reciprocal"),
    "square": _activation("square"),
    "_prelu_kernel": _prelu,
    "prelu": _prelu,
    "_softmax": _softmax,
    "_log_softmax": _softmax,
    "softmax": _softmax,
    "pad": _pad,
    "constant_pad_nd": _constant_pad,
    "reflection_pad2d": _bordered("reflect"),
    "replication_pad2d": _bordered("replicate"),
    "pixel_shuffle": _shuffle(PixelShuffle),
    "pixel_unshuffle": _shuffle(PixelUnshuffle),
    "channel_shuffle": _channel_shuffle,
    "native_channel_shuffle": _channel_shuffle,
    "upsample_nearest2d": _resized("nearest"),
    "_upsample_nearest_exact2d": _resized("nearest-exact"),
    "upsample_bilinear2d": _resized("bilinear"),
    "upsample_bicubic2d": _resized("bicubic"),
    "_upsample_bilinear2d_aa": _resized("bilinear", True),
    "_upsample_bicubic2d_aa": _resized("bicubic", True),
    "im2col": _patches,
    "unfold": _windows,
    **dict.fromkeys(
        (
            "baddbmm", "scaled_dot_product_attention", "_native_multi_head_attention",
            "_scaled_dot_product_flash_attention_for_cpu",
        ),
        _attention,
    ),
}  # fmt: skip
"""By name, without the underscore of the in-place form."""
