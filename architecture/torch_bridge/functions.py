"""The operations without weights as torch functions of (b, c, h, w) or (b, f)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from presage.architecture.decimals import value_of
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Add,
    AveragePool,
    ChannelPool,
    ChannelShuffle,
    Concatenate,
    ConstantProduct,
    ConstantSum,
    Flatten,
    GroupedSoftmax,
    Identity,
    LocalResponseNorm,
    Maximum,
    MaxPool,
    Multiply,
    Operation,
    Pad,
    PadLowest,
    Pair,
    PixelNorm,
    PixelShuffle,
    PixelUnshuffle,
    Resize,
    Shape,
    Slice,
    StretchedAdd,
    Unflatten,
    Upsample,
    Zero,
)
from presage.errors import InvalidArchitecture

__all__ = ["function_of"]


def function_of(operation: Operation, shape: Shape, overwrite: bool) -> Callable[..., Tensor]:
    """The function of an operation without weights. `shape`: of its first input; `overwrite`: it may work in place."""
    match operation:
        case Activation():
            return _activation(operation, overwrite)
        case MaxPool(kernel, stride, padding, ceil, dilation):
            return lambda x: F.max_pool2d(x, kernel, stride, padding, dilation, ceil)
        case AveragePool(kernel, stride, padding, ceil, count_padding):
            return lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil, count_padding)
        case AdaptiveAveragePool(size):
            if size == (1, 1):
                return lambda x: x.mean((2, 3), keepdim=True)
            return lambda x: F.adaptive_avg_pool2d(x, size)
        case AdaptiveMaxPool(size):
            return lambda x: F.adaptive_max_pool2d(x, size)
        case Flatten():
            return lambda x: x.flatten(1)
        case Slice(start, stop):
            return lambda x: x[:, start:stop]
        case ChannelShuffle(groups):
            return lambda x: _shuffle(x, groups)
        case Add():
            return _add
        case Multiply():
            return torch.mul
        case Maximum():
            return torch.maximum
        case Concatenate():
            return lambda *xs: torch.cat(xs, 1)
        case StretchedAdd():
            return torch.add
        case Zero():
            return torch.zeros_like
        case Identity():
            return lambda x: x
        case ConstantProduct(value):
            number = value_of(value)
            return lambda x: x * number
        case ConstantSum(value):
            number = value_of(value)
            return lambda x: x + number
        case GroupedSoftmax(groups):
            return lambda x: x.unflatten(1, (groups, -1)).softmax(1).flatten(1, 2)
        case Pad(before, after, border):
            mode = "constant" if border == "zeros" else border
            return lambda x: _padded(x, before, after, mode, 0.0)
        case PadLowest(before, after):
            return lambda x: _padded(x, before, after, "constant", -float("inf"))
        case PixelUnshuffle():
            return nn.PixelUnshuffle(operation.factor)
        case PixelShuffle():
            return nn.PixelShuffle(operation.factor)
        case Upsample(factor, smooth, aligned):
            mode, corners = ("bilinear", aligned) if smooth else ("nearest", None)
            times = (float(factor[0]), float(factor[1]))
            return lambda x: F.interpolate(x, scale_factor=times, mode=mode, align_corners=corners)
        case Resize():
            return _resize(operation)
        case LocalResponseNorm(size):
            alpha, beta, k = (value_of(pair) for pair in (operation.alpha, operation.beta, operation.k))
            return lambda x: F.local_response_norm(x, size, alpha, beta, k)
        case ChannelPool(largest):
            return (lambda x: x.amax(1, keepdim=True)) if largest else (lambda x: x.mean(1, keepdim=True))
        case PixelNorm():
            return lambda x: torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
        case Unflatten():
            return lambda x: x[:, :, None, None]
    raise InvalidArchitecture(f"The operation `{operation.name}` on {shape} cannot be built.")


def _resize(operation: Resize) -> Callable[[Tensor], Tensor]:
    corners = None if operation.method.startswith("nearest") else operation.aligned
    return lambda x: F.interpolate(
        x, operation.size, mode=operation.method, align_corners=corners, antialias=operation.smoothed
    )


def _activation(operation: Activation, overwrite: bool) -> Callable[[Tensor], Tensor]:
    name, parameter = operation.function, value_of(operation.parameter)
    if overwrite and name == "relu":
        return torch.relu_
    if operation.parameter != (0, 0) and name == "leaky_relu":
        return lambda x: F.leaky_relu(x, parameter)
    if operation.parameter != (0, 0) and name == "elu":
        return lambda x: F.elu(x, parameter)
    if operation.parameter != (0, 0) and name == "power":
        return lambda x: torch.pow(x, parameter)
    return _ACTIVATIONS[name]


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "relu6": F.relu6,
    "silu": F.silu,
    "gelu": F.gelu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "softmax": lambda x: F.softmax(x, 1),
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "mish": F.mish,
    "softplus": F.softplus,
    "selu": F.selu,
    "hardtanh": F.hardtanh,
    "square": torch.square,
    "root": torch.sqrt,
    "exponential": torch.exp,
    "absolute": torch.abs,
    "reciprocal": torch.reciprocal,
    "power": lambda x: torch.pow(x, 3),
    "error_function": torch.erf,
    "logarithm": torch.log,
    "sine": torch.sin,
}


def _add(first: Tensor, *others: Tensor) -> Tensor:
    if not others:
        return first
    total = first + others[0]
    for other in others[1:]:
        # in place where the type allows: this tensor is this node's own
        total = total.add_(other) if total.dtype == other.dtype else total + other
    return total


def _shuffle(x: Tensor, groups: int) -> Tensor:
    """(b, g·c, …) → (b, c·g, …): channels of the groups interleaved."""
    b, c, *size = x.shape
    return x.reshape(b, groups, c // groups, *size).transpose(1, 2).reshape(b, c, *size)


def _padded(x: Tensor, before: Pair, after: Pair, mode: str, value: float) -> Tensor:
    sides = (before[1], after[1], before[0], after[0])  # torch: the last axis first
    return F.pad(x, sides, mode, value) if mode == "constant" else F.pad(x, sides, mode)
