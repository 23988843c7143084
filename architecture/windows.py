"""Operations that slide a window over a map: convolutions and poolings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from presage.architecture.decimals import DECIMAL
from presage.architecture.operation import LARGEST, Operation, Pair, Shape

__all__ = [
    "AdaptiveAveragePool",
    "AdaptiveMaxPool",
    "AveragePool",
    "Convolution",
    "MaxPool",
    "TransposedConvolution",
]

_FROM_ZERO = {"padding": (0, LARGEST)}


def _windowed(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil:
        return span // stride + 1
    out = -(-span // stride) + 1
    return out - 1 if (out - 1) * stride >= size + padding else out  # torch: no window starts in the right padding


class _Convolving(Operation):
    """What convolutions of both directions have in common."""

    __slots__ = ()
    weighted: ClassVar[bool] = True
    keeps_zero: ClassVar[bool] = True
    reads_map: ClassVar[bool] = True
    channels: int
    groups: int

    def _size(self, inputs: Sequence[Shape]) -> tuple[int, ...]:
        """Height and width of the input, whose channels and those made must go into the groups."""
        if len(inputs[0]) != 3:
            raise self._fail("needs a feature map (c, h, w)", inputs)
        c, *size = inputs[0]
        if c % self.groups or self.channels % self.groups:
            raise self._fail("needs input and output channels divisible by its groups", inputs)
        return tuple(size)

    @staticmethod
    def stated(own: Any) -> Any:
        return own.channels


@dataclass(frozen=True, slots=True)
class Convolution(_Convolving):
    """2-d convolution to `channels` maps; `groups` equal to the input channels makes it depthwise.

    Its kernels may be made of what is learned: `standardised` to mean 0 and variance 1 (arXiv 1903.10520; `epsilon` is
    beneath the root of the variance, or `outside` it, added to the deviation; an `unbiased` variance is over one number
    less than there are), of norm 1 times a learned `gain` (weight normalisation, arXiv 1602.07868), both (scaled
    weight standardisation, arXiv 2101.08692), or over their largest singular value (`spectral`, arXiv 1802.05957).
    `binomial` kernels are fixed and blur each channel (arXiv 1904.11486); `fixed` ones are others that are not learned:
    the graph does not tell which.
    """

    name: ClassVar[str] = "convolution"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {**_FROM_ZERO, "epsilon": DECIMAL}
    later: ClassVar[frozenset[str]] = frozenset(
        {"standardised", "gain", "spectral", "binomial", "epsilon", "fixed", "unbiased", "outside"}
    )
    windowed: ClassVar[bool] = True
    channels: int
    kernel: Pair = (3, 3)
    stride: Pair = (1, 1)
    padding: Pair = (1, 1)
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: bool = False
    standardised: bool = False
    gain: bool = False
    spectral: bool = False
    binomial: bool = False
    epsilon: Pair = (0, 0)
    fixed: bool = False
    unbiased: bool = False
    outside: bool = False

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        windows = zip(self._size(inputs), self.kernel, self.stride, self.padding, self.dilation, strict=True)
        out = tuple(_windowed(*window, ceil=False) for window in windows)
        if min(out) < 1:
            raise self._fail("leaves no pixels", inputs)
        return (self.channels, *out)

    @staticmethod
    def cost(own: Any, read: Any, made: Any) -> tuple[Any, Any]:
        channels = made[0]
        weights = channels * (read[0] // own.groups) * prod(own.kernel)
        learned = weights * (1 - own.binomial) * (1 - own.fixed)
        return learned + channels * (own.bias + own.gain), weights * made[1] * made[2]


@dataclass(frozen=True, slots=True)
class TransposedConvolution(_Convolving):
    """2-d transposed convolution to `channels` maps, larger by its stride (arXiv 1311.2901)."""

    name: ClassVar[str] = "transposed_convolution"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {**_FROM_ZERO, "rest": (0, LARGEST)}
    irregular: ClassVar[bool] = True
    channels: int
    kernel: Pair = (2, 2)
    stride: Pair = (2, 2)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    rest: Pair = (0, 0)
    groups: int = 1
    bias: bool = False

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        windows = zip(self._size(inputs), self.kernel, self.stride, self.padding, self.dilation, self.rest, strict=True)
        out = tuple(
            (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + rest + 1
            for size, kernel, stride, padding, dilation, rest in windows
        )
        if min(out) < 1:
            raise self._fail("leaves no pixels", inputs)
        return (self.channels, *out)

    @staticmethod
    def cost(own: Any, read: Any, made: Any) -> tuple[Any, Any]:
        weights = read[0] * (made[0] // own.groups) * prod(own.kernel)
        return weights + made[0] * own.bias, weights * read[1] * read[2]


class _Pool(Operation):
    __slots__ = ()
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = _FROM_ZERO
    keeps_zero: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    idle: ClassVar[Mapping[str, object] | None] = {"kernel": (1, 1), "stride": (1, 1)}
    reads_map: ClassVar[bool] = True
    windowed: ClassVar[bool] = True
    pools: ClassVar[bool] = True
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
        dilation = getattr(self, "dilation", (1, 1))
        windows = zip(size, self.kernel, self.stride, self.padding, dilation, strict=True)
        out = tuple(_windowed(*window, ceil=self.ceil) for window in windows)
        if min(out) < 1:
            raise self._fail("leaves no pixels", inputs)
        return (c, *out)


@dataclass(frozen=True, slots=True)
class MaxPool(_Pool):
    """Largest value of each window."""

    name: ClassVar[str] = "max_pool"
    later: ClassVar[frozenset[str]] = frozenset({"dilation"})
    kernel: Pair = (2, 2)
    stride: Pair = (2, 2)
    padding: Pair = (0, 0)
    ceil: bool = False
    dilation: Pair = (1, 1)


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
    keeps_zero: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    reads_map: ClassVar[bool] = True
    adaptive: ClassVar[bool] = True
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
