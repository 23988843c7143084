"""What torch's layers, functions and tensor methods are as operations: the dictionary of `trace`.

Each function here takes the arguments of torch's own, tensors standing as `Value`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from presage.architecture.node import Node
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Add,
    AveragePool,
    BatchNorm,
    ChannelShuffle,
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
    Operation,
    Pair,
    Shape,
    Slice,
)

__all__ = ["CALLS", "CHANGES_IN_PLACE", "Refused", "Value", "NodeWriter", "module_call"]


class Refused(Exception):
    """A step that no architecture can represent; says why."""


@dataclass(frozen=True)
class Value:
    """A tensor: the node that computes it, and its shape without the batch axis.

    A map whose channels are viewed as `groups` groups (on the way to a channel shuffle) has `groups` > 0.
    """

    index: int
    shape: Shape
    groups: int = 0
    swapped: bool = False


class NodeWriter:
    """Nodes written so far; `result` is what torch gave for the step at hand, on meta tensors."""

    def __init__(self) -> None:
        self.nodes: list[Node] = [Node(Input())]
        self.result: Any = None

    def add(self, operation: Operation, *inputs: Value) -> Value:
        for value in inputs:
            if not isinstance(value, Value) or value.groups:
                raise Refused("it mixes tensors with other things")
        shape = operation.shape([value.shape for value in inputs])
        self.nodes.append(Node(operation, tuple(value.index for value in inputs)))
        return Value(len(self.nodes) - 1, shape)

    def shape(self) -> Shape:
        return tuple(self.result.shape[1:])


def _pair(value: int | Sequence[int]) -> Pair:
    if isinstance(value, int):
        return value, value
    parts = tuple(value)
    return (parts[0], parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def _permille(probability: float) -> int:
    return round(1000 * probability)


# Functions and methods: the names and argument orders are torch's.


def _activation(function: str) -> Callable[..., Value]:
    return lambda writer, x, *_: writer.add(Activation(function), x)


def _softmax(writer: NodeWriter, x: Value, dim: int | None = None, *_: Any, **__: Any) -> Value:
    if dim not in (None, 1, -len(x.shape)):
        raise Refused("its softmax must run over channels")
    return writer.add(Activation("softmax"), x)


def _sum(writer: NodeWriter, x: Value, other: Value, *, alpha: float = 1) -> Value:
    if alpha != 1 or not isinstance(x, Value) or not isinstance(other, Value) or x.shape != other.shape:
        raise Refused("a sum must be of two tensors of one shape")
    return writer.add(Add(), x, other)


def _product(writer: NodeWriter, x: Value, other: Value) -> Value:
    if not isinstance(x, Value) or not isinstance(other, Value) or len(x.shape) != len(other.shape):
        raise Refused("a product must be of two tensors with equally many axes")
    return writer.add(Multiply(), x, other)


def _concatenate(writer: NodeWriter, tensors: Sequence[Value], dim: int = 0) -> Value:
    if dim not in (1, -len(tensors[0].shape)):
        raise Refused("only channels can be concatenated")
    return writer.add(Concatenate(), *tensors)


def _pass(writer: NodeWriter, x: Value, *_: Any, **__: Any) -> Value:
    return x


def _reshape(writer: NodeWriter, x: Value, *_: Any, **__: Any) -> Value:
    """Any view: told by the shape that comes out of it."""
    after = writer.shape()
    if writer.result.shape[0] != 1:
        raise Refused("it moves the batch axis")
    if x.groups:
        if after != x.shape:
            raise Refused("channels viewed as groups must come back as channels")
        plain = Value(x.index, x.shape)
        return writer.add(ChannelShuffle(x.groups), plain) if x.swapped else plain
    if after == x.shape:
        return x
    if len(after) == 1:
        return writer.add(Flatten(), x)
    if len(x.shape) == 3 and len(after) == 4 and after[2:] == x.shape[1:]:
        return Value(x.index, x.shape, groups=after[0])
    raise Refused(f"no operation brings {x.shape} to {after}")


def _transpose(writer: NodeWriter, x: Value, *axes: int) -> Value:
    if x.groups and axes == (1, 2):
        return Value(x.index, x.shape, x.groups, not x.swapped)
    raise Refused("no operation swaps axes, but for a channel shuffle")


def _mean(writer: NodeWriter, x: Value, dim: Any = None, keepdim: bool = False) -> Value:
    return _pooled(writer, x, AdaptiveAveragePool(), dim, keepdim)


def _largest(writer: NodeWriter, x: Value, dim: Any = None, keepdim: bool = False) -> Value:
    return _pooled(writer, x, AdaptiveMaxPool(), dim, keepdim)


def _pooled(writer: NodeWriter, x: Value, pool: Operation, dim: Any, keepdim: bool) -> Value:
    axes = {axis % 4 for axis in dim} if isinstance(dim, list | tuple) else set[int]()
    if len(x.shape) != 3 or axes != {2, 3}:
        raise Refused("a mean must be over height and width")
    pooled = writer.add(pool, x)
    return pooled if keepdim else writer.add(Flatten(), pooled)


def _parts(writer: NodeWriter, x: Value, sizes: Any = None, dim: int = 0, **_: Any) -> tuple[Value, ...]:
    """chunk and split: told by the shapes that come out."""
    if dim not in (1, -len(x.shape)):
        raise Refused("only channels can be split")
    found, start = [], 0
    for part in writer.result:
        found.append(writer.add(Slice(start, start + part.shape[1]), x))
        start += part.shape[1]
    return tuple(found)


def _item(writer: NodeWriter, x: Any, key: Any) -> Any:
    if not isinstance(x, Value):
        return x[key]
    keys = key if isinstance(key, tuple) else (key,)
    whole = [part == slice(None) or part is Ellipsis for part in keys]
    if len(keys) >= 2 and isinstance(keys[1], slice) and whole[0] and all(whole[2:]) and keys[0] is not Ellipsis:
        start, stop, step = keys[1].indices(x.shape[0])
        if step == 1 and start < stop:
            return writer.add(Slice(start, stop), x)
    raise Refused("only channels can be sliced, in one piece")


def _max_pool(
    writer: NodeWriter,
    x: Value,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Value:
    if _pair(dilation) != (1, 1) or return_indices:
        raise Refused("a max-pool must have no dilation and give no indices")
    kernel = _pair(kernel_size)
    return writer.add(MaxPool(kernel, _pair(stride) if stride else kernel, _pair(padding), bool(ceil_mode)), x)


def _average_pool(
    writer: NodeWriter,
    x: Value,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    if divisor_override is not None:
        raise Refused("an average-pool must have no divisor of its own")
    kernel = _pair(kernel_size)
    steps = _pair(stride) if stride else kernel
    return writer.add(AveragePool(kernel, steps, _pair(padding), bool(ceil_mode), bool(count_include_pad)), x)


def _adaptive(kind: type[AdaptiveAveragePool] | type[AdaptiveMaxPool]) -> Callable[..., Value]:
    def pool(writer: NodeWriter, x: Value, output_size: Any, return_indices: bool = False) -> Value:
        sizes = (output_size, output_size) if output_size is None or isinstance(output_size, int) else output_size
        h, w = (own if size is None else size for own, size in zip(x.shape[1:], sizes, strict=True))
        return writer.add(kind((h, w)), x)

    return pool


def _dropout(writer: NodeWriter, x: Value, p: float = 0.5, training: bool = True) -> Value:
    return writer.add(Dropout(_permille(p)), x)


def _drop_path(writer: NodeWriter, x: Value, p: float, mode: str, training: bool = True) -> Value:
    if mode != "row":
        raise Refused("stochastic depth must drop whole images (mode `row`)")
    return writer.add(DropPath(_permille(p)), x)


_ACTIVATIONS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "silu": "SiLU",
    "gelu": "GELU",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "hardswish": "Hardswish",
    "hardsigmoid": "Hardsigmoid",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
}

CHANGES_IN_PLACE = frozenset({"iadd", "imul", "add_", "mul_", "relu_", "sigmoid_", "tanh_"})
"""Functions and methods that overwrite their first argument."""

CALLS: dict[str, Callable[..., Any]] = {
    **{name: _activation(name) for name in _ACTIVATIONS},
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    **dict.fromkeys(("add", "iadd"), _sum),
    **dict.fromkeys(("mul", "multiply", "imul"), _product),
    **dict.fromkeys(("cat", "concat", "concatenate"), _concatenate),
    **dict.fromkeys(("contiguous", "clone", "detach", "float"), _pass),
    **dict.fromkeys(("view", "reshape", "flatten", "squeeze"), _reshape),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), _transpose),
    **dict.fromkeys(("chunk", "split"), _parts),
    "mean": _mean,
    "amax": _largest,
    "getitem": _item,
    "max_pool2d": _max_pool,
    "avg_pool2d": _average_pool,
    "adaptive_avg_pool2d": _adaptive(AdaptiveAveragePool),
    "adaptive_max_pool2d": _adaptive(AdaptiveMaxPool),
    "dropout": _dropout,
    "stochastic_depth": _drop_path,
}
"""By name, without the underscore of the in-place form: torch functions, operators and tensor methods."""


def module_call(writer: NodeWriter, module: nn.Module, x: Any, *others: Any, **named: Any) -> Value:
    """A call of one of torch's own layers."""
    if others or named or not isinstance(x, Value):
        raise Refused("a layer must take one tensor")
    match module:
        case nn.Conv2d():
            return writer.add(_convolution(module), x)
        case nn.Linear():
            return writer.add(Linear(module.out_features, module.bias is not None), x)
        case nn.BatchNorm2d() | nn.BatchNorm1d():
            return writer.add(BatchNorm(bool(module.affine)), x)
        case nn.GroupNorm():
            return writer.add(GroupNorm(module.num_groups, bool(module.affine)), x)
        case nn.MaxPool2d():
            return _max_pool(
                writer, x, module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode
            )
        case nn.AvgPool2d():
            sizes = (module.kernel_size, module.stride, module.padding)
            return _average_pool(writer, x, *sizes, module.ceil_mode, module.count_include_pad, module.divisor_override)
        case nn.AdaptiveAvgPool2d():
            return _adaptive(AdaptiveAveragePool)(writer, x, module.output_size)
        case nn.AdaptiveMaxPool2d():
            return _adaptive(AdaptiveMaxPool)(writer, x, module.output_size)
        case nn.Flatten() | nn.Unflatten():
            return _reshape(writer, x)
        case nn.Dropout() | nn.Dropout2d():
            return _dropout(writer, x, module.p)
        case nn.Identity():
            return writer.add(Identity(), x)
        case nn.ChannelShuffle():
            return writer.add(ChannelShuffle(module.groups), x)
        case nn.Softmax() | nn.LogSoftmax():
            return _softmax(writer, x, module.dim)
    if type(module).__name__ == "StochasticDepth":
        probability, mode = float(getattr(module, "p", 0)), str(getattr(module, "mode", ""))
        return _drop_path(writer, x, probability, mode)
    for function, name in _ACTIVATIONS.items():
        if type(module) is getattr(nn, name):
            return writer.add(Activation(function), x)
    raise Refused("no operation of an architecture does this")


def _convolution(module: nn.Conv2d) -> Convolution:
    if module.padding_mode != "zeros":
        raise Refused("a convolution must pad with zeros")
    kernel, dilation = _pair(module.kernel_size), _pair(module.dilation)
    if module.padding == "valid":
        padding = (0, 0)
    elif isinstance(module.padding, str):
        spans = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
        if any(span % 2 for span in spans):
            raise Refused("an even kernel cannot be padded alike on both sides")
        padding = (spans[0] // 2, spans[1] // 2)
    else:
        padding = _pair(module.padding)
    bias = module.bias is not None
    return Convolution(module.out_channels, kernel, _pair(module.stride), padding, dilation, module.groups, bias)
