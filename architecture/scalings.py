"""Operations that scale, shift and normalise what they read, place by place or over channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from presage.architecture.decimals import DECIMAL
from presage.architecture.operation import Elementwise, Operation, Pair, Shape

__all__ = [
    "BatchNorm",
    "ChannelConvolution",
    "ChannelNorm",
    "ConstantProduct",
    "ConstantSum",
    "GroupNorm",
    "GroupedSoftmax",
    "LocalResponseNorm",
    "Maximum",
    "Multiply",
    "ParametricRelu",
    "RmsNorm",
    "Scale",
    "Shift",
    "StretchedAdd",
]

_EPSILON: Mapping[str, tuple[int, int]] = {"epsilon": DECIMAL}


@dataclass(frozen=True, slots=True)
class BatchNorm(Elementwise):
    """Batch normalisation over channels (or features, when flat); without `tracked` statistics always by the batch."""

    name: ClassVar[str] = "batch_norm"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = _EPSILON
    normalises: ClassVar[bool] = True
    later: ClassVar[frozenset[str]] = frozenset({"epsilon", "tracked"})
    affine: bool = True
    epsilon: Pair = (1, -5)
    tracked: bool = True

    @staticmethod
    def cost(own: Any, read: Any, made: Any) -> tuple[Any, Any]:
        return 2 * read[0] * own.affine, 0


@dataclass(frozen=True, slots=True)
class GroupNorm(Elementwise):
    """Group normalisation; `groups` = 1 is layer normalisation over (c, h, w)."""

    name: ClassVar[str] = "group_norm"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = _EPSILON
    normalises: ClassVar[bool] = True
    later: ClassVar[frozenset[str]] = frozenset({"epsilon"})
    groups: int
    affine: bool = True
    epsilon: Pair = (1, -5)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0][0] % self.groups:
            raise self._fail("needs channels divisible by its groups", inputs)
        return inputs[0]

    @staticmethod
    def cost(own: Any, read: Any, made: Any) -> tuple[Any, Any]:
        return 2 * read[0] * own.affine, 0


class _LearnedNumbers(Elementwise):
    """Shared by operations that learn a number for each channel, or one for all."""

    __slots__ = ()
    learned: ClassVar[bool] = True
    channelwise: bool

    @staticmethod
    def cost(own: Any, read: Any, made: Any) -> tuple[Any, Any]:
        return 1 + (read[0] - 1) * own.channelwise, 0


class _Numbers(_LearnedNumbers):
    """They may be `fixed` instead: the graph tells that there are some, not which."""

    __slots__ = ()
    later: ClassVar[frozenset[str]] = frozenset({"fixed"})
    fixed: bool

    @staticmethod
    def cost(own: Any, read: Any, made: Any) -> tuple[Any, Any]:
        return (1 + (read[0] - 1) * own.channelwise) * (1 - own.fixed), 0


@dataclass(frozen=True, slots=True)
class Scale(_Numbers):
    """Times a learned number: one for each channel (layer scale, arXiv 2103.17239), or one for all."""

    name: ClassVar[str] = "scale"
    channelwise: bool = True
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Shift(_Numbers):
    """Plus a learned number: one for each channel, or one for all."""

    name: ClassVar[str] = "shift"
    channelwise: bool = True
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class ConstantProduct(Elementwise):
    """Times a fixed number, a pair as `presage.architecture.decimals` writes it."""

    name: ClassVar[str] = "constant_product"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"value": DECIMAL}
    idle: ClassVar[Mapping[str, object] | None] = {"value": (1, 0)}
    value: Pair


@dataclass(frozen=True, slots=True)
class ConstantSum(Elementwise):
    """Plus a fixed number, a pair as `presage.architecture.decimals` writes it."""

    name: ClassVar[str] = "constant_sum"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"value": DECIMAL}
    keeps_zero: ClassVar[bool] = False
    idle: ClassVar[Mapping[str, object] | None] = {"value": (0, 0)}
    value: Pair


@dataclass(frozen=True, slots=True)
class ParametricRelu(_LearnedNumbers):
    """ReLU whose slope below 0 is learned (arXiv 1502.01852): for each channel, or one for all."""

    name: ClassVar[str] = "parametric_relu"
    keeps_sign: ClassVar[bool] = True
    channelwise: bool = True


@dataclass(frozen=True, slots=True)
class ChannelNorm(Elementwise):
    """Layer normalisation over the channels of each pixel (ConvNeXt, arXiv 2201.03545)."""

    name: ClassVar[str] = "channel_norm"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = _EPSILON
    normalises: ClassVar[bool] = True
    affine: bool = True
    bias: bool = True
    epsilon: Pair = (1, -6)

    @staticmethod
    def cost(own: Any, read: Any, made: Any) -> tuple[Any, Any]:
        return read[0] * (own.affine + own.affine * own.bias), 0


@dataclass(frozen=True, slots=True)
class RmsNorm(Elementwise):
    """Each pixel over the root of the mean square of its channels (arXiv 1910.07467)."""

    name: ClassVar[str] = "rms_norm"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = _EPSILON
    learned: ClassVar[bool] = True
    affine: bool = True
    epsilon: Pair = (1, -6)

    @staticmethod
    def cost(own: Any, read: Any, made: Any) -> tuple[Any, Any]:
        return read[0] * own.affine, 0


@dataclass(frozen=True, slots=True)
class GroupedSoftmax(Operation):
    """Softmax across `groups` equal groups of channels: the first channels of all groups sum to 1, and so on (split
    attention, arXiv 1903.06586, 2004.08955)."""

    name: ClassVar[str] = "grouped_softmax"
    keeps_shape: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    groups: int

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if inputs[0][0] % self.groups:
            raise self._fail("needs channels divisible by its groups", inputs)
        return inputs[0]


@dataclass(frozen=True, slots=True)
class ChannelConvolution(Operation):
    """1-d convolution of odd `kernel` across channels, the same for all pixels (ECA, arXiv 1910.03151)."""

    name: ClassVar[str] = "channel_convolution"
    weighted: ClassVar[bool] = True
    keeps_shape: ClassVar[bool] = True
    keeps_zero: ClassVar[bool] = True
    kernel_size: int
    bias: bool = False

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if self.kernel_size % 2 == 0:
            raise self._fail("needs an odd kernel", inputs)
        return inputs[0]

    @staticmethod
    def cost(own: Any, read: Any, made: Any) -> tuple[Any, Any]:
        area = read[1] * read[2] if len(read) == 3 else 1
        return own.kernel_size + own.bias, own.kernel_size * read[0] * area


@dataclass(frozen=True, slots=True)
class LocalResponseNorm(Operation):
    """Each value over (k + α times the mean square of the `size` channels around it) to the power β (AlexNet)."""

    name: ClassVar[str] = "local_response_norm"
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"alpha": DECIMAL, "beta": DECIMAL, "k": DECIMAL}
    keeps_shape: ClassVar[bool] = True
    keeps_zero: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    reads_map: ClassVar[bool] = True
    size: int
    alpha: Pair = (1, -4)
    beta: Pair = (75, -2)
    k: Pair = (1, 0)

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs[0]) != 3:
            raise self._fail("needs a feature map (c, h, w)", inputs)
        return inputs[0]


class _Pairwise(Operation):
    """Shared by operations on two inputs of one rank, axes of length 1 stretched."""

    __slots__ = ()
    least_inputs: ClassVar[int] = 2
    most_inputs: ClassVar[int | None] = 2
    keeps_zero: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    commutes: ClassVar[bool] = True
    stretches: ClassVar[bool] = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        left, right = inputs
        if len(left) != len(right) or any(a != b and 1 not in (a, b) for a, b in zip(left, right, strict=True)):
            raise self._fail("needs inputs of one shape, or axes of length 1", inputs)
        return tuple(max(a, b) for a, b in zip(left, right, strict=True))


@dataclass(frozen=True, slots=True)
class Multiply(_Pairwise):
    """Product of two inputs of one rank, axes of length 1 stretched: squeeze-and-excitation's gate."""

    name: ClassVar[str] = "multiply"
    zero_with_any: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class StretchedAdd(_Pairwise):
    """Sum of two inputs of one rank, axes of length 1 stretched."""

    name: ClassVar[str] = "stretched_add"


@dataclass(frozen=True, slots=True)
class Maximum(_Pairwise):
    """The larger of two inputs, place by place (max-feature-map, arXiv 1511.02683), axes of length 1 stretched."""

    name: ClassVar[str] = "maximum"
