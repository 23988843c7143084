"""What an objective asks of Optuna, parameters of any kind, as a space of choices."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from presage.architecture.spaces.space import Categorical, Space

__all__ = ["Grid", "SuggestedSpace", "asked_for"]

_BINS = 16  # of a range that has more values


class Grid:
    """A distribution cut into choices: those of a category, the values of a short range, 16 equal parts of a long one
    (equal in the logarithm where the distribution is)."""

    def __init__(self, kind: BaseDistribution) -> None:
        self.kind = kind
        if isinstance(kind, CategoricalDistribution):
            self.choices = len(kind.choices)
            return
        assert isinstance(kind, IntDistribution | FloatDistribution)  # Optuna has these three
        values = _BINS if kind.step is None else round((kind.high - kind.low) / kind.step) + 1
        self.choices = min(values, _BINS)
        self._range = _Range(kind)

    def choice(self, value: Any) -> int:
        """Which choice a value belongs to; the nearest, where the range has changed since."""
        if isinstance(self.kind, CategoricalDistribution):
            return int(self.kind.to_internal_repr(value))
        at = self._range.place(value)
        return min(max(int(at * self.choices), 0), self.choices - 1)

    def value(self, choice: int, numbers: np.random.Generator) -> Any:
        """A value of this choice, equally likely among its values."""
        if isinstance(self.kind, CategoricalDistribution):
            return self.kind.choices[choice]
        at = (choice + numbers.random()) / self.choices
        return self._range.value(at)

    def draw(self, numbers: np.random.Generator) -> Any:
        """A value, every choice equally likely."""
        return self.value(int(numbers.integers(self.choices)), numbers)


class _Range:
    """A numeric distribution as places in [0, 1], equal parts equally likely: in the logarithm where the distribution
    is, and with half a step more at both ends where it has steps, so that the outermost values get their share."""

    def __init__(self, kind: IntDistribution | FloatDistribution) -> None:
        self.kind = kind
        half = 0.0 if kind.step is None else 0.5 * kind.step
        if kind.log:  # a step of logarithms: of whole numbers alone
            self._low, self._high = math.log(kind.low - half), math.log(kind.high + half)
        else:
            self._low, self._high = kind.low - half, kind.high + half

    def place(self, value: float) -> float:
        """Where a value stands; outside [0, 1] for one that the distribution no longer holds."""
        if self._low == self._high:
            return 0.5
        at = math.log(value) if self.kind.log else float(value)
        return (at - self._low) / (self._high - self._low)

    def value(self, place: float) -> int | float:
        """The value at a place in [0, 1): an int where the distribution has ints; never the end of an open range."""
        kind = self.kind
        at = self._low + place * (self._high - self._low)
        if isinstance(kind, IntDistribution):
            step = math.floor((at - kind.low) / kind.step + 0.5)
            found = round(math.exp(at)) if kind.log else step * kind.step + kind.low
            return min(max(found, kind.low), kind.high)
        if kind.step is not None:
            return float(np.clip(np.round((at - kind.low) / kind.step) * kind.step + kind.low, kind.low, kind.high))
        value = math.exp(at) if kind.log else at
        if kind.single():
            return value
        below = math.nextafter(kind.high, kind.high - 1)
        return min(max(value, kind.low), below) if kind.log else min(value, below)


@dataclass(frozen=True)
class SuggestedSpace(Space):
    """Codes of the parameters of a study. They stand for trials, not for networks: nothing here can be decoded."""

    family = "suggested"
    names: tuple[str, ...] = ()
    choices: tuple[int, ...] = ()

    @classmethod
    def of(cls, grids: Mapping[str, Grid]) -> SuggestedSpace:
        """The space of these parameters, in this order."""
        return cls(tuple(grids), tuple(grid.choices for grid in grids.values()))

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        pairs = zip(self.names, self.choices, strict=True)
        return tuple(Categorical(name, tuple(range(choices))) for name, choices in pairs)


def asked_for(trials: Iterable[FrozenTrial]) -> dict[str, BaseDistribution]:
    """Every parameter that any of the trials has, in the order in which they were first asked for, with the
    distribution it had then; without those that have one value only."""
    found: dict[str, BaseDistribution] = {}
    for trial in trials:
        if not trial.distributions.keys() <= found.keys():
            found = {**found, **{name: kind for name, kind in trial.distributions.items() if name not in found}}
    return {name: kind for name, kind in found.items() if not kind.single()}
