"""What an objective asks of Optuna, parameters of any kind, as a space of choices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from optuna._transform import _SearchSpaceTransform
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
        self._unit = _SearchSpaceTransform({"x": kind}, transform_0_1=True)

    def choice(self, value: Any) -> int:
        """Which choice a value belongs to; the nearest, where the range has changed since."""
        if isinstance(self.kind, CategoricalDistribution):
            return int(self.kind.to_internal_repr(value))
        at = float(self._unit.transform({"x": value})[0])
        return min(max(int(at * self.choices), 0), self.choices - 1)

    def value(self, choice: int, numbers: np.random.Generator) -> Any:
        """A value of this choice, equally likely among its values."""
        if isinstance(self.kind, CategoricalDistribution):
            return self.kind.choices[choice]
        at = (choice + numbers.random()) / self.choices
        return self._unit.untransform(np.array([at]))["x"]

    def draw(self, numbers: np.random.Generator) -> Any:
        """A value, every choice equally likely."""
        return self.value(int(numbers.integers(self.choices)), numbers)


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
