"""The operations a network is made of: what each takes, what shape it gives, and what it costs.

A shape is ``(c, h, w)`` for a feature map and ``(f,)`` for a flat vector, without the batch axis.
Every field of an operation is an integer, a pair of integers, a flag, or one of a fixed list of names,
so that an operation is hashable, has one JSON form, and fits a row of integers in a `GraphBatch`.
Multiply-adds are counted as `torch.utils.flop_counter` counts them (half its FLOPs): convolutions and matrix products
only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar, NoReturn

from presage.errors import InvalidArchitecture

Shape = tuple[int, ...]
Pair = tuple[int, int]

ACTIVATIONS = (
    "relu",
    "relu6",
    "silu",
    "gelu",
    "sigmoid",
    "tanh",
    "hardswish",
    "hardsigmoid",
    "leaky_relu",
    "elu",
    "softmax",
)
"""Names that `Activation.function` may take; the order is part of the format."""

LARGEST = 2**31 - 1
"""Largest integer a field may hold: a `GraphBatch` stores fields as 32-bit integers."""

_LEAST = {"padding": 0, "start": 0, "permille": 0}  # every other integer field: 1
_MOST = {"permille": 1000}
_FLAGS = frozenset({"bias", "affine", "ceil", "count_padding"})
_PAIRS = frozenset({"kernel", "stride", "padding", "dilation", "size"})


def shown(value: object, limit: int = 80) -> str:
    """The value as an error message shows it: at most `limit` characters, whatever it is."""
    try:
        text = repr(value[:limit] if isinstance(value, str | bytes) else value)
    except RecursionError:
        return "a deeply nested value"
    except ValueError:  # an integer of more digits than Python prints
        return "a very large number"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a network; subclasses say its fields, arity, shape rule and cost.

    Raises:
        InvalidArchitecture: where a field has a wrong type or an impossible value; names both.
    """

    name: ClassVar[str] = ""
    least_inputs: ClassVar[int] = 1
    most_inputs: ClassVar[int | None] = 1

    def __post_init__(self) -> None:
        for field in self.field_names():
            value = getattr(self, field)
            if field in _PAIRS:
                least = _LEAST.get(field, 1)
                if type(value) is not tuple or len(value) != 2:
                    self._refuse(field, f"be a pair of integers from {least} to {LARGEST}")
                for part in value:
                    if type(part) is not int or not least <= part <= LARGEST:
                        self._refuse(field, f"be a pair of integers from {least} to {LARGEST}")
            elif field in _FLAGS:
                if type(value) is not bool:
                    self._refuse(field, "be true or false")
            elif field == "function":
                if type(value) is not str or value not in ACTIVATIONS:
                    self._refuse(field, f"be one of {', '.join(ACTIVATIONS)}")
            else:
                least, most = _LEAST.get(field, 1), _MOST.get(field, LARGEST)
                if type(value) is not int or not least <= value <= most:
                    self._refuse(field, f"be an integer from {least} to {most}")

    def _refuse(self, field: str, rule: str) -> NoReturn:
        raise InvalidArchitecture(f"The `{field}` of `{self.name}` must {rule}. Got {shown(getattr(self, field))}.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """Shape of the output for these input shapes. Raises `InvalidArchitecture` where there is none."""
        raise NotImplementedError

    def parameters(self, inputs: Sequence[Shape]) -> int:
        """Number of learned scalars (buffers such as running means are not counted)."""
        return 0

    def multiply_adds(self, inputs: Sequence[Shape]) -> int:
        """Multiply-adds for one image."""
        return 0

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        names: tuple[str, ...] = cls.__slots__
        return names

    def _fail(self, rule: str, inputs: Sequence[Shape]) -> InvalidArchitecture:
        shapes = ", ".join("×".join(map(str, shape)) for shape in inputs)
        return InvalidArchitecture(f"The operation `{self.name}` {rule}. Got input {shapes or 'none'} for {self}.")


@dataclass(frozen=True, slots=True)
class Input(Operation):
    """The image, ``(c, h, w)``; its shape is bound when the architecture is used."""

    name: ClassVar[str] = "input"
    least_inputs: ClassVar[int] = 0
    most_inputs: ClassVar[int | None] = 0


def _windowed(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil:
        return span // stride + 1
    out = -(-span // stride) + 1
    return out - 1 if (out - 1) * stride >= size + padding else out  # torch: no window starts in the right padding


@dataclass(frozen=True, slots=True)
class Convolution(Operation):
    """2-d convolution to `channels` maps; `groups` equal to the input channels makes it depthwise."""

    name: ClassVar[str] = "convolution"
    channels: int
    kernel: Pair = (3, 3)
    stride: Pair = (1, 1)
    padding: Pair = (1, 1)
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: bool = False

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs[0]) != 3:
            raise self._fail("needs a feature map (c, h, w)", inputs)
        c, h, w = inputs[0]
        if c % self.groups or self.channels % self.groups:
            raise self._fail("needs input and output channels divisible by its groups", inputs)
        windows = zip((h, w), self.kernel, self.stride, self.padding, self.dilation, strict=True)
        out = tuple(_windowed(*window, ceil=False) for window in windows)
        if min(out) < 1:
            raise self._fail("leaves no pixels", inputs)
        return (self.channels, *out)

    def parameters(self, inputs: Sequence[Shape]) -> int:
        return self.channels * (inputs[0][0] // self.groups) * prod(self.kernel) + self.channels * self.bias

    def multiply_adds(self, inputs: Sequence[Shape]) -> int:
        return prod(self.shape(inputs)) * (inputs[0][0] // self.groups) * prod(self.kernel)


@dataclass(frozen=True, slots=True)
class Linear(Operation):
    """Fully connected layer on a flat input, to `features` outputs."""

    name: ClassVar[str] = "linear"
    features: int
    bias: bool = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs[0]) != 1:
            raise self._fail("needs a flat input (f,)", inputs)
        return (self.features,)

    def parameters(self, inputs: Sequence[Shape]) -> int:
        return self.features * (inputs[0][0] + self.bias)

    def multiply_adds(self, inputs: Sequence[Shape]) -> int:
        return self.features * inputs[0][0]


@dataclass(frozen=True, slots=True)
class Classifier(Operation):
    """The last fully connected layer: one output per class; their number is bound when the architecture is used.

    Its own `shape` therefore gives the input back; `Architecture.shapes` puts the number of classes in.
    """

    name: ClassVar[str] = "classifier"
    bias: bool = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs[0]) != 1:
            raise self._fail("needs a flat input (f,)", inputs)
        return inputs[0]


class _Elementwise(Operation):
    """Shared by operations whose output has the shape of their input."""

    __slots__ = ()

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]


@dataclass(frozen=True, slots=True)
class BatchNorm(_Elementwise):
    """Batch normalisation over channels (or features, when flat)."""

    name: ClassVar[str] = "batch_norm"
    affine: bool = True

    def parameters(self, inputs: Sequence[Shape]) -> int:
        return 2 * inputs[0][0] * self.affine


@dataclass(frozen=True, slots=True)
class GroupNorm(_Elementwise):
    """Group normalisation; `groups` = 1 is layer normalisation over (c, h, w)."""

    name: ClassVar[str] = "group_norm"
    groups: int
    affine: bool = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0][0] % self.groups:
            raise self._fail("needs channels divisible by its groups", inputs)
        return inputs[0]

    def parameters(self, inputs: Sequence[Shape]) -> int:
        return 2 * inputs[0][0] * self.affine


@dataclass(frozen=True, slots=True)
class Activation(_Elementwise):
    """A pointwise non-linearity, one of `ACTIVATIONS` (softmax runs over channels)."""

    name: ClassVar[str] = "activation"
    function: str = "relu"


@dataclass(frozen=True, slots=True)
class Dropout(_Elementwise):
    """Zeroes single values with probability `permille` / 1000 while training."""

    name: ClassVar[str] = "dropout"
    permille: int = 500


@dataclass(frozen=True, slots=True)
class DropPath(_Elementwise):
    """Zeroes the whole branch of an image with probability `permille` / 1000 while training (stochastic depth)."""

    name: ClassVar[str] = "drop_path"
    permille: int = 100


@dataclass(frozen=True, slots=True)
class Identity(_Elementwise):
    """Passes its input on."""

    name: ClassVar[str] = "identity"


@dataclass(frozen=True, slots=True)
class Zero(_Elementwise):
    """Gives zeros of its input's shape: the absent edge of a cell."""

    name: ClassVar[str] = "zero"


class _Pool(Operation):
    __slots__ = ()
    kernel: Pair
    stride: Pair
    padding: Pair
    ceil: bool

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs[0]) != 3:
            raise self._fail("needs a feature map (c, h, w)", inputs)
        if any(2 * padding > kernel for padding, kernel in zip(self.padding, self.kernel, strict=True)):
            raise self._fail("needs a padding of at most half its kernel", inputs)
        c, *size = inputs[0]
        windows = zip(size, self.kernel, self.stride, self.padding, strict=True)
        out = tuple(_windowed(*window, dilation=1, ceil=self.ceil) for window in windows)
        if min(out) < 1:
            raise self._fail("leaves no pixels", inputs)
        return (c, *out)


@dataclass(frozen=True, slots=True)
class MaxPool(_Pool):
    """Largest value of each window."""

    name: ClassVar[str] = "max_pool"
    kernel: Pair = (2, 2)
    stride: Pair = (2, 2)
    padding: Pair = (0, 0)
    ceil: bool = False


@dataclass(frozen=True, slots=True)
class AveragePool(_Pool):
    """Mean of each window; `count_padding` counts padded zeros as pixels."""

    name: ClassVar[str] = "average_pool"
    kernel: Pair = (2, 2)
    stride: Pair = (2, 2)
    padding: Pair = (0, 0)
    ceil: bool = False
    count_padding: bool = True


class _AdaptivePool(Operation):
    __slots__ = ()
    size: Pair

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs[0]) != 3:
            raise self._fail("needs a feature map (c, h, w)", inputs)
        return (inputs[0][0], *self.size)


@dataclass(frozen=True, slots=True)
class AdaptiveAveragePool(_AdaptivePool):
    """Mean over a grid of `size` windows that cover the map; (1, 1) is global average pooling."""

    name: ClassVar[str] = "adaptive_average_pool"
    size: Pair = (1, 1)


@dataclass(frozen=True, slots=True)
class AdaptiveMaxPool(_AdaptivePool):
    """Largest value over a grid of `size` windows that cover the map."""

    name: ClassVar[str] = "adaptive_max_pool"
    size: Pair = (1, 1)


@dataclass(frozen=True, slots=True)
class Flatten(Operation):
    """``(c, h, w)`` → ``(c·h·w,)``."""

    name: ClassVar[str] = "flatten"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return (prod(inputs[0]),)


@dataclass(frozen=True, slots=True)
class Slice(Operation):
    """Channels (or features) `start` up to but not including `stop`."""

    name: ClassVar[str] = "slice"
    start: int
    stop: int

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if not 0 <= self.start < self.stop <= inputs[0][0]:
            raise self._fail("needs 0 ≤ start < stop ≤ channels", inputs)
        return (self.stop - self.start, *inputs[0][1:])


@dataclass(frozen=True, slots=True)
class ChannelShuffle(Operation):
    """Interleaves the channels of `groups` equal groups (ShuffleNet, arXiv 1707.01083)."""

    name: ClassVar[str] = "channel_shuffle"
    groups: int

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0][0] % self.groups:
            raise self._fail("needs channels divisible by its groups", inputs)
        return inputs[0]


@dataclass(frozen=True, slots=True)
class Add(Operation):
    """Sum of inputs of one shape."""

    name: ClassVar[str] = "add"
    most_inputs: ClassVar[int | None] = None

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if any(shape != inputs[0] for shape in inputs):
            raise self._fail("needs inputs of one shape", inputs)
        return inputs[0]


@dataclass(frozen=True, slots=True)
class Multiply(Operation):
    """Product of two inputs of one rank, axes of length 1 stretched: squeeze-and-excitation's gate."""

    name: ClassVar[str] = "multiply"
    least_inputs: ClassVar[int] = 2
    most_inputs: ClassVar[int | None] = 2

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        left, right = inputs
        if len(left) != len(right) or any(a != b and 1 not in (a, b) for a, b in zip(left, right, strict=True)):
            raise self._fail("needs inputs of one shape, or axes of length 1", inputs)
        return tuple(max(a, b) for a, b in zip(left, right, strict=True))


@dataclass(frozen=True, slots=True)
class Concatenate(Operation):
    """Inputs one after the other along channels (or features)."""

    name: ClassVar[str] = "concatenate"
    most_inputs: ClassVar[int | None] = None

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if any(shape[1:] != inputs[0][1:] for shape in inputs):
            raise self._fail("needs inputs of one height and width", inputs)
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])


OPERATIONS: tuple[type[Operation], ...] = (
    Input,
    Convolution,
    Linear,
    Classifier,
    BatchNorm,
    GroupNorm,
    Activation,
    Dropout,
    DropPath,
    Identity,
    Zero,
    MaxPool,
    AveragePool,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Flatten,
    Slice,
    ChannelShuffle,
    Add,
    Multiply,
    Concatenate,
)
"""Every operation; a `GraphBatch` stores an operation's position here as its kind. Append only."""

BY_NAME: dict[str, type[Operation]] = {operation.name: operation for operation in OPERATIONS}
KIND: dict[type[Operation], int] = {operation: kind for kind, operation in enumerate(OPERATIONS)}
