"""Values deeper than 8 bits, or floats, as 0 … 255: by what a dataset holds, the same for all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from presage.training.datasets.refusing import refusal

__all__ = ["RANGES", "SIXTEEN_BITS", "Depth", "Extremes", "ValueRange", "extremes", "value_range"]

RANGES = "[0, 1], [-1, 1] or [0, 255], or be whole numbers from 0"
_SLACK = 1e-3  # what rounding may add at either end of a range of floats
_MOST_BITS = 64
_DEPTHS = (10, 12, 14, 16)  # bits that cameras and scanners give
_LEAST_LEVELS = 64  # of 256, below which whole numbers are stretched

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ValueRange:
    """How values become 0 … 255: `low` becomes 0, `high` 255, what lies outside is cut off.

    Attributes:
        low, high: the values, low < high.
        bits: whole numbers of so many bits, of which the upper eight are taken; 0 where values are rounded to the
            nearest of 256.
    """

    low: float
    high: float
    bits: int = 0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high and 0 <= self.bits <= _MOST_BITS):
            raise ValueError("a range of values must go from a number to a larger one")

    def to_uint8(self, values: Array) -> npt.NDArray[np.uint8]:
        """Values of any shape as 0 … 255."""
        if self.bits:
            return (np.clip(values, 0, 2**self.bits - 1).astype(np.int64) >> (self.bits - 8)).astype(np.uint8)
        exact = np.dtype(np.float32 if abs(self.high) <= 2**24 else np.float64)
        share = (values.astype(exact) - exact.type(self.low)) * exact.type(255 / (self.high - self.low))
        out: npt.NDArray[np.uint8] = np.rint(np.clip(share, 0, 255)).astype(np.uint8)
        return out

    @property
    def is_stretched(self) -> bool:
        """Whether it goes from the least to the greatest of some values, and is no range that values usually have."""
        return not self.bits and (self.low, self.high) not in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))

    def holds(self, low: float, high: float) -> bool:
        """Whether values from `low` to `high` lie within, give or take rounding; a stretched range has no bounds."""
        return self.is_stretched or bool(self.low - _SLACK <= low and high <= self.high + _SLACK)

    def to_json(self) -> dict[str, float]:
        """As plain values, for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ValueRange:
        """What `to_json` gave.

        Raises:
            ValueError, TypeError, KeyError: anything else.
        """
        return cls(float(value["low"]), float(value["high"]), int(value["bits"]))

    def __str__(self) -> str:
        return f"{self.bits} bits" if self.bits else f"[{self.low:g}, {self.high:g}]"


SIXTEEN_BITS = ValueRange(0.0, 65535.0, 16)


@dataclass(frozen=True)
class Depth:
    """How values of more than 8 bits become 0 … 255.

    Attributes:
        whole: of whole numbers; None where there are none: others, met later, are of 16 bits.
        floats: of floats; None where there are none: others, met later, are refused.
    """

    whole: ValueRange | None = None
    floats: ValueRange | None = None

    def of(self, values: Array) -> ValueRange:
        """The range for these values.

        Raises:
            ValueError: floats of a range that is not known.
        """
        if values.dtype.kind != "f":
            return self.whole or SIXTEEN_BITS
        if self.floats is None:
            raise ValueError("pixels are floating-point numbers")
        return self.floats

    @property
    def is_unusual(self) -> bool:
        """Whether a range is neither [0, 255] nor, of floats, [0, 1]: to be told."""
        ranges = (self.whole, self.floats)
        return any(held is not None and (held.low, held.high) not in ((0.0, 255.0), (0.0, 1.0)) for held in ranges)

    def __str__(self) -> str:
        return " and ".join(str(held) for held in (self.whole, self.floats) if held)

    def to_json(self) -> dict[str, dict[str, float] | None]:
        """As plain values, for `from_json`."""
        return {
            "whole": None if self.whole is None else self.whole.to_json(),
            "floats": None if self.floats is None else self.floats.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Depth:
        """What `to_json` gave.

        Raises:
            ValueError, TypeError, KeyError: anything else.
        """
        whole, floats = value["whole"], value["floats"]
        return cls(whole and ValueRange.from_json(whole), floats and ValueRange.from_json(floats))


@dataclass(frozen=True)
class Extremes:
    """What some values hold.

    Attributes:
        low, high: the least and the greatest.
        whole: whether all are whole numbers.
        floats: whether they are stored as floats.
        where: what holds them, for errors: an array or a file.
    """

    low: float
    high: float
    whole: bool
    floats: bool
    where: str


def extremes(parts: Iterable[Array], where: str) -> Extremes:
    """The extremes of values that come in parts, each of at least one; NaN where one is NaN."""
    low, high, whole, floats = np.inf, -np.inf, True, False
    for values in parts:
        least, most = float(values.min()), float(values.max())
        low, high = float(np.minimum(low, least)), float(np.maximum(high, most))  # of NaN, NaN
        if values.dtype.kind == "f":
            floats = True
            whole = whole and bool(np.isfinite([least, most]).all()) and bool((values == np.rint(values)).all())
    return Extremes(low, high, whole, floats, where)


def value_range(found: Iterable[Extremes], owner: object) -> ValueRange:
    """The one range for values of one kind: all whole numbers of a dataset, or all its floats.

    Whole numbers up to 255 are pixels as they are. Larger ones have 10, 12, 14 or 16 bits, or as many as the largest
    needs, of which the upper eight are taken; where those would take fewer than 64 levels, the values are stretched
    from their least to their greatest. Floats are in [0, 1], [-1, 1] or [0, 255], or whole numbers; those that are not,
    and would take fewer than 64 levels of [0, 255], are of no known range.

    Raises:
        InvalidDataset: other values; names what holds them.
    """
    every = list(found)
    lowest, highest = min(every, key=lambda item: item.low), max(every, key=lambda item: item.high)
    low, high = lowest.low, highest.high
    for item in every:
        if not np.isfinite([item.low, item.high]).all():
            raise refusal(item.where, owner, "hold no NaN or infinity", "one")
    if any(item.floats for item in every):
        if -1 - _SLACK <= low < -_SLACK and high <= 1 + _SLACK:
            return ValueRange(-1.0, 1.0)
        if low >= -_SLACK and high <= 1 + _SLACK:
            return ValueRange(0.0, 1.0)
        whole = all(item.whole for item in every)
        if low >= -_SLACK and high <= 255 + _SLACK and (whole or high >= _LEAST_LEVELS):
            return ValueRange(0.0, 255.0)
        if low < 0 or not whole:
            item = lowest if low < -_SLACK else highest
            raise refusal(item.where, owner, f"hold values in {RANGES}", f"{low:g} to {high:g}")
    if low < 0:
        raise refusal(lowest.where, owner, "hold no negative value", f"{low:g} to {high:g}")
    if high <= 255:
        return ValueRange(0.0, 255.0)
    bits = next((depth for depth in _DEPTHS if high < 2**depth), int(high).bit_length())
    if bits > _MOST_BITS:
        raise refusal(highest.where, owner, f"hold values of at most {_MOST_BITS} bits", f"{low:g} to {high:g}")
    if (high - low) * 256 / 2**bits < _LEAST_LEVELS and high > low:
        return ValueRange(low, high)
    return ValueRange(0.0, float(2**bits - 1), bits)
