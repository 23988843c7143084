"""From values to places on a page, with round numbers along the way; the range is that of the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from presage.output import scaled

__all__ = ["AxisScale", "Tick", "fitted"]

_MARGIN = 0.06  # of the range, on both sides
_TICKS = 6


@dataclass(frozen=True)
class Tick:
    """A place along an axis, in pixels, and what is written there."""

    at: float
    label: str


@dataclass(frozen=True)
class AxisScale:
    """Maps values from `low` … `high` to pixels from `start` … `end`, which may run backwards.

    Attributes:
        logarithmic: equal ratios are equal distances.
        whole: only whole numbers are marked.
        write: how a mark's value is written.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False
    whole: bool = False
    write: Callable[[float], str] | None = None

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        low, high, at = self.low, self.high, value
        if self.logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(max(value, 1e-300))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Round values within the range, ascending."""
        values, write = (self._decades(), scaled) if self._spans_decades else self._steps()
        return tuple(Tick(round(self(value), 1), (self.write or write)(value)) for value in values)

    @property
    def _spans_decades(self) -> bool:
        return self.logarithmic and self.high / self.low > 8

    def _decades(self) -> list[float]:
        """1, 2 and 5 times the powers of ten, or these alone where there are many."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        factors = (1, 2, 5) if math.log10(self.high / self.low) < 2.5 else (1,)
        values = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
        return [value for value in values if self.low <= value <= self.high]

    def _steps(self) -> tuple[list[float], Callable[[float], str]]:
        step = _round_step((self.high - self.low) / _TICKS)
        step = max(math.ceil(step), 1) if self.whole else step
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        digits = max(-math.floor(math.log10(step) + 1e-9), 0)

        def write(value: float) -> str:
            return scaled(value) if step >= 1 and not self.whole else f"{value:.{digits}f}"

        return [step * number for number in range(first, last + 1)], write


def _round_step(step: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return power * next(factor for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def fitted(
    values: Iterable[float],
    start: float,
    end: float,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    logarithmic: bool = False,
    whole: bool = False,
    write: Callable[[float], str] | None = None,
) -> AxisScale:
    """A scale over the values and a margin, but not beyond `least` … `most`, where nothing can lie.

    Args:
        values: those that are not finite are passed over; of none, or of equal ones, a range around them is shown.
    """
    found = [value for value in values if math.isfinite(value) and (value > 0 or not logarithmic)]
    low, high = (min(found), max(found)) if found else (1.0, 2.0) if logarithmic else (0.0, 1.0)
    if logarithmic:
        share = (high / low) ** _MARGIN if high > low else 1.25
        return AxisScale(low / share, high * share, start, end, logarithmic=True, whole=whole, write=write)
    margin = (high - low) * _MARGIN or max(abs(high) * _MARGIN, 0.01)
    low, high = max(low - margin, min(least, low)), min(high + margin, max(most, high))
    return AxisScale(low, high if high > low else low + margin, start, end, whole=whole, write=write)
