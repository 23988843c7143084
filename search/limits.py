"""Hard limits on what a network may cost: no candidate over one is ever scored or trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from presage.errors import InvalidArgument, NothingFeasible, UnknownName

__all__ = ["CostColumns", "Limits"]

_UNITS = {
    "parameters": "parameters",
    "multiply_adds": "multiply-adds",
    "activation_bytes": "activation bytes",
    "latency_seconds": "seconds of estimated latency",
    "training_work": "of the work of a training",
}


class CostColumns(Protocol):
    """What `Limits` reads of `presage.architecture.batch.costs.CostArrays`: (n,) columns."""

    @property
    def parameters(self) -> NDArray[np.int64]: ...
    @property
    def multiply_adds(self) -> NDArray[np.int64]: ...
    @property
    def activation_bytes(self) -> NDArray[np.int64]: ...


_COUNTS = ("parameters", "multiply_adds", "activation_bytes")


@dataclass(frozen=True)
class Limits:
    """The most a network may cost for one image; None is no limit.

    Attributes:
        parameters: learned scalars.
        multiply_adds: of convolutions and matrix products.
        activation_bytes: peak of live float32 activations.
        latency_seconds: of one forward pass on the machine at hand: estimated for every candidate, and measured for
            what is short-listed.
        training_work: of a training on one image, as `presage.search.latency.training_work` counts it; a search with a
            budget sets it.
    """

    parameters: int | None = None
    multiply_adds: int | None = None
    activation_bytes: int | None = None
    latency_seconds: float | None = None
    training_work: int | None = None

    def __post_init__(self) -> None:
        for name in (*_COUNTS, "training_work"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InvalidArgument(name, "Limits", "be None or a whole number of at least 1", value)
        most = self.latency_seconds
        if most is not None and (isinstance(most, bool) or not isinstance(most, int | float) or not 0 < most < np.inf):
            raise InvalidArgument("latency_seconds", "Limits", "be None or a number of seconds above 0", most)

    @property
    def set(self) -> dict[str, float]:
        """The limits there are: name → most."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None}

    def allow(self, costs: CostColumns) -> NDArray[np.bool_]:
        """(n,) which networks are within every limit of their costs: latency and work have columns of their own."""
        allowed = np.ones(len(costs.parameters), np.bool_)
        for name in _COUNTS:
            most = getattr(self, name)
            if most is not None:
                allowed &= getattr(costs, name) <= most
        return allowed

    def excess(self, costs: CostColumns) -> NDArray[np.float64]:
        """(n,) largest ratio of a count to its limit: over 1 where a limit is broken, 0 without limits."""
        ratios = np.zeros(len(costs.parameters))
        for name in _COUNTS:
            most = getattr(self, name)
            if most is not None:
                ratios = np.maximum(ratios, getattr(costs, name) / most)
        return ratios

    def nothing(self, space: str, tried: int, nearest: Mapping[str, float]) -> NothingFeasible:
        """The error for a search in which no candidate was within the limits.

        Args:
            space: its name.
            tried: number of candidates looked at.
            nearest: costs of the one with the smallest `excess`, by name.
        """
        wanted = " and ".join(f"{_shown(most)} {_UNITS[name]}" for name, most in self.set.items())
        near = ", ".join(f"{_shown(value)} {_UNITS[name]}" for name, value in nearest.items() if name in self.set)
        return NothingFeasible(
            f"No network of the space `{space}` is within {wanted or 'the space'} ({tried:,} tried)."
            + (f" The nearest has {near}. Raise the limit or choose a smaller space." if near else "")
        )

    def to_json(self) -> dict[str, float | None]:
        """All of them, None where there is no limit; that of training work only where there is one."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None or name != "training_work"}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Limits:
        """The limits that `to_json` wrote."""
        known = [field.name for field in fields(cls)]
        for name in value:
            if name not in known:
                raise UnknownName("limit", name, known)
        return cls(**value)


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
