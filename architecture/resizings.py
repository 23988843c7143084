"""Operations that change the sides of maps without a window, or move pixels among channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from presage.architecture.operation import LARGEST, Operation, Pair, Shape

__all__ = [
    "ChannelPool",
    "Pad",
    "PadLowest",
    "PixelNorm",
    "PixelShuffle",
    "PixelUnshuffle",
    "Resize",
    "Unflatten",
    "Upsample",
]

_SIDES: Mapping[str, tuple[int, int]] = {"before": (-LARGEST, LARGEST), "after": (-LARGEST, LARGEST)}


class _OnMaps(Operation):
    __slots__ = ()
    keeps_sign: ClassVar[bool] = True
    keeps_zero: ClassVar[bool] = True
    reads_map: ClassVar[bool] = True
    irregular: ClassVar[bool] = True

    def _map(self, inputs: Sequence[Shape]) -> tuple[int, int, int]:
        if len(inputs[0]) != 3:
            raise self._fail("needs a feature map (c, h, w)", inputs)
        c, h, w = inputs[0]
        return c, h, w


class _Padding(_OnMaps):
    __slots__ = ()
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = _SIDES
    idle: ClassVar[Mapping[str, object] | None] = {"before": (0, 0), "after": (0, 0)}
    before: Pair
    after: Pair

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        c, *size = self._map(inputs)
        for side, before, after in zip(size, self.before, self.after, strict=True):
            if side + min(before, 0) + min(after, 0) < 1:
                raise self._fail("leaves no pixels", inputs)
            most = {"reflect": side - 1, "circular": side}.get(getattr(self, "border", ""), LARGEST)
            if max(before, after) > most:
                raise self._fail("needs a map wider than its border", inputs)
        h, w = (side + sum(both) for side, *both in zip(size, self.before, self.after, strict=True))
        return (c, h, w)


@dataclass(frozen=True, slots=True)
class Pad(_Padding):
    """Rows and columns added above and left (`before`), below and right (`after`); negative ones cut off."""

    name: ClassVar[str] = "pad"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"border": ("zeros", "reflect", "replicate", "circular")}
    before: Pair
    after: Pair
    border: str = "zeros"


@dataclass(frozen=True, slots=True)
class PadLowest(_Padding):
    """As `pad`, with −∞: what a max-pooling passes over."""

    name: ClassVar[str] = "pad_lowest"
    keeps_zero: ClassVar[bool] = False
    keeps_sign: ClassVar[bool] = False
    before: Pair
    after: Pair


@dataclass(frozen=True, slots=True)
class PixelUnshuffle(_OnMaps):
    """Squares of `factor` pixels become channels, those of one channel together (space to depth)."""

    name: ClassVar[str] = "pixel_unshuffle"
    idle: ClassVar[Mapping[str, object] | None] = {"factor": 1}
    factor: int

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        c, h, w = self._map(inputs)
        if h % self.factor or w % self.factor:
            raise self._fail("needs sides divisible by its factor", inputs)
        return (c * self.factor**2, h // self.factor, w // self.factor)


@dataclass(frozen=True, slots=True)
class PixelShuffle(_OnMaps):
    """Channels become squares of `factor` pixels: what undoes `pixel_unshuffle` (arXiv 1609.05158)."""

    name: ClassVar[str] = "pixel_shuffle"
    idle: ClassVar[Mapping[str, object] | None] = {"factor": 1}
    factor: int

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        c, h, w = self._map(inputs)
        if c % self.factor**2:
            raise self._fail("needs channels divisible by the square of its factor", inputs)
        return (c // self.factor**2, h * self.factor, w * self.factor)


@dataclass(frozen=True, slots=True)
class Upsample(_OnMaps):
    """Maps `factor` times as high and wide: each pixel repeated, or (`smooth`) interpolated linearly on both axes;
    `aligned` keeps the corners where they are."""

    name: ClassVar[str] = "upsample"
    idle: ClassVar[Mapping[str, object] | None] = {"factor": (1, 1)}
    factor: Pair = (2, 2)
    smooth: bool = False
    aligned: bool = False

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        c, h, w = self._map(inputs)
        return (c, h * self.factor[0], w * self.factor[1])


@dataclass(frozen=True, slots=True)
class Resize(_OnMaps):
    """Maps brought to `size`, as torch interpolates: `aligned` keeps the corners where they are, `smoothed` averages
    over what a pixel of a smaller map covers (antialiasing)."""

    name: ClassVar[str] = "resize"
    keeps_sign: ClassVar[bool] = False  # cubic
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"method": ("nearest", "nearest-exact", "bilinear", "bicubic")}
    size: Pair
    method: str = "bilinear"
    aligned: bool = False
    smoothed: bool = False

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return (self._map(inputs)[0], *self.size)


@dataclass(frozen=True, slots=True)
class ChannelPool(_OnMaps):
    """Mean over the channels of each pixel, or the `largest` of them: one channel is left."""

    name: ClassVar[str] = "channel_pool"
    largest: bool = False

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        _, h, w = self._map(inputs)
        return (1, h, w)


@dataclass(frozen=True, slots=True)
class PixelNorm(_OnMaps):
    """Root of the sum of squares over the pixels of each channel (the statistic of arXiv 2301.00808)."""

    name: ClassVar[str] = "pixel_norm"

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return (self._map(inputs)[0], 1, 1)


@dataclass(frozen=True, slots=True)
class Unflatten(Operation):
    """``(f,)`` → ``(f, 1, 1)``: a flat vector as channels of one pixel."""

    name: ClassVar[str] = "unflatten"
    keeps_sign: ClassVar[bool] = True
    keeps_zero: ClassVar[bool] = True
    reads_flat: ClassVar[bool] = True
    irregular: ClassVar[bool] = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs[0]) != 1:
            raise self._fail("needs a flat input (f,)", inputs)
        return (inputs[0][0], 1, 1)
