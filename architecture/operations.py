"""The operations a network is made of: what each takes, what shape it gives, what it costs, and what is true of it.

A shape is ``(c, h, w)`` for a feature map and ``(f,)`` for a flat vector, without the batch axis.
Every field of an operation is an integer, a pair of integers, a flag, or one of a fixed list of names,
so that an operation is hashable, has one JSON form, and fits a row of integers in a `GraphBatch`.
Multiply-adds are counted as `torch.utils.flop_counter` counts them (half its FLOPs): convolutions and matrix products
only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from presage.architecture.activations import ACTIVATIONS, TABLE, ActivationFunction
from presage.architecture.decimals import DECIMAL
from presage.architecture.operation import LARGEST, Elementwise, Operation, Pair, Shape, shown
from presage.architecture.resizings import (
    ChannelPool,
    Pad,
    PadLowest,
    PixelNorm,
    PixelShuffle,
    PixelUnshuffle,
    Resize,
    Unflatten,
    Upsample,
)
from presage.architecture.scalings import (
    BatchNorm,
    ChannelConvolution,
    ChannelNorm,
    ConstantProduct,
    ConstantSum,
    GroupedSoftmax,
    GroupNorm,
    LocalResponseNorm,
    Maximum,
    Multiply,
    ParametricRelu,
    RmsNorm,
    Scale,
    Shift,
    StretchedAdd,
)
from presage.architecture.windows import (
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    AveragePool,
    Convolution,
    MaxPool,
    TransposedConvolution,
)

__all__ = [
    "ACTIVATIONS",
    "BY_NAME",
    "KIND",
    "OPERATIONS",
    "Activation",
    "AdaptiveAveragePool",
    "AdaptiveMaxPool",
    "Add",
    "AveragePool",
    "BatchNorm",
    "ChannelConvolution",
    "ChannelNorm",
    "ChannelPool",
    "ChannelShuffle",
    "Classifier",
    "Concatenate",
    "ConstantProduct",
    "ConstantSum",
    "Convolution",
    "DropPath",
    "Dropout",
    "Flatten",
    "GroupNorm",
    "GroupedSoftmax",
    "Identity",
    "Input",
    "Linear",
    "LocalResponseNorm",
    "MaxPool",
    "Maximum",
    "Multiply",
    "Operation",
    "Pad",
    "PadLowest",
    "Pair",
    "ParametricRelu",
    "PixelNorm",
    "PixelShuffle",
    "PixelUnshuffle",
    "Resize",
    "RmsNorm",
    "Scale",
    "Shape",
    "Shift",
    "Slice",
    "StretchedAdd",
    "TransposedConvolution",
    "Unflatten",
    "Upsample",
    "Zero",
    "shown",
]


@dataclass(frozen=True, slots=True)
class Input(Operation):
    """The image, ``(c, h, w)``; its shape is bound when the architecture is used."""

    name: ClassVar[str] = "input"
    least_inputs: ClassVar[int] = 0
    most_inputs: ClassVar[int | None] = 0


@dataclass(frozen=True, slots=True)
class Linear(Operation):
    """Fully connected layer on a flat input, to `features` outputs. Its weights may be made of what is learned: `gain`
    and `spectral` as in `Convolution`."""

    name: ClassVar[str] = "linear"
    weighted: ClassVar[bool] = True
    keeps_zero: ClassVar[bool] = True
    reads_flat: ClassVar[bool] = True
    later: ClassVar[frozenset[str]] = frozenset({"gain", "spectral"})
    features: int
    bias: bool = True
    gain: bool = False
    spectral: bool = False

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs[0]) != 1:
            raise self._fail("needs a flat input (f,)", inputs)
        return (self.features,)

    @staticmethod
    def stated(own: Any) -> Any:
        return own.features

    @staticmethod
    def cost(own: Any, read: Any, made: Any) -> tuple[Any, Any]:
        features = made[0]
        weights = features * read[0]
        return weights + features * (own.bias + own.gain), weights


@dataclass(frozen=True, slots=True)
class Classifier(Operation):
    """The last fully connected layer: one output per class; their number is bound when the architecture is used.

    Its own `shape` therefore gives the input back; `Architecture.shapes` puts the number of classes in. A `pooled` one
    classifies each pixel of a map (through a ReLU where `rectified`) and gives the mean (arXiv 1312.4400). What it
    gives may be batch-`normalised` before that (with `epsilon`, `affine` with weights of its own). Its weights may be
    made of what is learned: `gain` and `spectral` as in `Convolution`, where it is neither pooled nor normalised.
    Several `heads` each read a part of the features, all as many, and their mean is given (as distilled networks do).
    """

    name: ClassVar[str] = "classifier"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"epsilon": DECIMAL}
    weighted: ClassVar[bool] = True
    reads_flat: ClassVar[bool] = True
    later: ClassVar[frozenset[str]] = frozenset(
        {"pooled", "rectified", "gain", "spectral", "normalised", "affine", "epsilon", "heads"}
    )
    bias: bool = True
    pooled: bool = False
    rectified: bool = False
    gain: bool = False
    spectral: bool = False
    normalised: bool = False
    affine: bool = False
    epsilon: Pair = (1, -5)
    heads: int = 1

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0][0] % self.heads:
            raise self._fail("needs features divisible by its heads", inputs)
        if self.pooled and len(inputs[0]) != 3:
            raise self._fail("needs a feature map (c, h, w)", inputs)
        if not self.pooled and len(inputs[0]) != 1:
            raise self._fail("needs a flat input (f,)", inputs)
        return inputs[0]

    @staticmethod
    def cost(own: Any, read: Any, made: Any) -> tuple[Any, Any]:
        features = made[0]
        weights = features * read[0]
        pixels = read[1] * read[2] if len(read) == 3 else 1
        return weights + features * (own.bias * own.heads + own.gain + 2 * own.affine), weights * pixels


@dataclass(frozen=True, slots=True)
class Activation(Elementwise):
    """A pointwise non-linearity, one of `ACTIVATIONS` (softmax runs over channels).

    `parameter` is the slope of `leaky_relu` and the α of `elu`, where it is not torch's own, and the exponent of
    `power` (positive), where it is not 3; (0, 0) elsewhere.
    """

    name: ClassVar[str] = "activation"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"parameter": DECIMAL}
    later: ClassVar[frozenset[str]] = frozenset({"parameter"})
    function: str = "relu"
    parameter: Pair = (0, 0)

    @property
    def known(self) -> ActivationFunction:
        """What is true of its function."""
        return TABLE[self.function]


@dataclass(frozen=True, slots=True)
class Dropout(Elementwise):
    """Zeroes single values with probability `permille` / 1000 while training."""

    name: ClassVar[str] = "dropout"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"permille": (0, 1000)}
    random: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    idle: ClassVar[Mapping[str, object] | None] = {"permille": 0}
    permille: int = 500


@dataclass(frozen=True, slots=True)
class DropPath(Elementwise):
    """Zeroes the whole branch of an image with probability `permille` / 1000 while training (stochastic depth)."""

    name: ClassVar[str] = "drop_path"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"permille": (0, 1000)}
    random: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    idle: ClassVar[Mapping[str, object] | None] = {"permille": 0}
    permille: int = 100


@dataclass(frozen=True, slots=True)
class Identity(Elementwise):
    """Passes its input on."""

    name: ClassVar[str] = "identity"
    keeps_sign: ClassVar[bool] = True
    idle: ClassVar[Mapping[str, object] | None] = {}


@dataclass(frozen=True, slots=True)
class Zero(Elementwise):
    """Gives zeros of its input's shape: the absent edge of a cell."""

    name: ClassVar[str] = "zero"


@dataclass(frozen=True, slots=True)
class Flatten(Operation):
    """``(c, h, w)`` → ``(c·h·w,)``."""

    name: ClassVar[str] = "flatten"
    keeps_zero: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    flattens: ClassVar[bool] = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return (prod(inputs[0]),)


@dataclass(frozen=True, slots=True)
class Slice(Operation):
    """Channels (or features) `start` up to but not including `stop`."""

    name: ClassVar[str] = "slice"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"start": (0, LARGEST)}
    keeps_zero: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    start: int
    stop: int

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if not 0 <= self.start < self.stop <= inputs[0][0]:
            raise self._fail("needs 0 ≤ start < stop ≤ channels", inputs)
        return (self.stop - self.start, *inputs[0][1:])

    @staticmethod
    def stated(own: Any) -> Any:
        return (own.stop - own.start) * (own.stop > own.start)


@dataclass(frozen=True, slots=True)
class ChannelShuffle(Operation):
    """Interleaves the channels of `groups` equal groups (ShuffleNet, arXiv 1707.01083)."""

    name: ClassVar[str] = "channel_shuffle"
    keeps_shape: ClassVar[bool] = True
    keeps_zero: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    idle: ClassVar[Mapping[str, object] | None] = {"groups": 1}
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
    keeps_zero: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    commutes: ClassVar[bool] = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if any(shape != inputs[0] for shape in inputs):
            raise self._fail("needs inputs of one shape", inputs)
        return inputs[0]


@dataclass(frozen=True, slots=True)
class Concatenate(Operation):
    """Inputs one after the other along channels (or features)."""

    name: ClassVar[str] = "concatenate"
    most_inputs: ClassVar[int | None] = None
    keeps_zero: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    stacks: ClassVar[bool] = True

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
    ChannelNorm,
    Scale,
    Shift,
    ConstantProduct,
    ConstantSum,
    ParametricRelu,
    RmsNorm,
    GroupedSoftmax,
    ChannelConvolution,
    StretchedAdd,
    Pad,
    PadLowest,
    PixelUnshuffle,
    PixelShuffle,
    Upsample,
    ChannelPool,
    PixelNorm,
    Unflatten,
    TransposedConvolution,
    Maximum,
    Resize,
    LocalResponseNorm,
)
"""Every operation; a `GraphBatch` stores an operation's position here as its kind. Append only."""

BY_NAME: dict[str, type[Operation]] = {operation.name: operation for operation in OPERATIONS}
KIND: dict[type[Operation], int] = {operation: kind for kind, operation in enumerate(OPERATIONS)}
