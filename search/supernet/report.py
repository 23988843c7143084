"""Records of a search on shared weights: how it is asked for, what each epoch showed, and the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from presage.errors import InvalidArgument
from presage.search.supernet.collapse import Collapse, Guard

__all__ = ["OneShotSettings", "Settled", "SupernetEpoch", "SupernetReport"]


@dataclass(frozen=True)
class OneShotSettings:
    """How a super-net is trained. None takes the method's own default.

    Attributes:
        epochs: passes over the part of the training images that the weights learn from.
        held_out: share of the training images that the architecture is chosen by.
        learning_rate: highest of the shared weights (SGD with momentum, a cosine down to a hundredth).
        guard: against collapse; for the methods that search by gradient.
    """

    epochs: int | None = None
    held_out: float | None = None
    learning_rate: float | None = None
    guard: Guard = field(default_factory=Guard)

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise InvalidArgument("epochs", "OneShotSettings", "be at least 1", self.epochs)
        if self.held_out is not None and not 0 < self.held_out < 1:
            raise InvalidArgument("held_out", "OneShotSettings", "be over 0 and under 1", self.held_out)
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise InvalidArgument("learning_rate", "OneShotSettings", "be a positive number", self.learning_rate)


@dataclass(frozen=True)
class SupernetEpoch:
    """What one epoch of a super-net showed.

    Attributes:
        loss: mean training loss of the shared weights, nats.
        proxy_accuracy: *proxy*: of the super-net, or of the networks that the controller wrote, on held-out images.
        entropy: of what architectures are drawn from, nats a choice.
        skips: kind of cell → skip connections of the derived one; empty where a method derives none.
        eigenvalue: dominant eigenvalue of the held-out loss in the architecture weights; None where not asked.
    """

    epoch: int
    loss: float
    proxy_accuracy: float
    entropy: float
    skips: Mapping[str, int]
    eigenvalue: float | None
    seconds: float


@dataclass(frozen=True)
class Settled:
    """What a search that aims at a latency settled for, once it was measured.

    Attributes:
        code: (p,) of the network.
        room: seconds that estimates were held to, so that what is measured takes the limit.
        estimated: seconds, before anything was measured.
        seconds: measured, of one forward pass.
        tried: seconds of every network on the way to it, derived or looked at beside the best of those.
    """

    code: tuple[int, ...]
    room: float
    estimated: float
    seconds: float
    tried: tuple[float, ...]

    @property
    def correction(self) -> float:
        """What estimates are multiplied with, so that this network's is what was measured."""
        return self.seconds / self.estimated

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Settled:
        """What `to_json` wrote."""
        room, estimated, seconds = (float(value[name]) for name in ("room", "estimated", "seconds"))
        tried = tuple(float(one) for one in value["tried"])
        return cls(tuple(int(one) for one in value["code"]), room, estimated, seconds, tried)


@dataclass(frozen=True)
class SupernetReport:
    """A search on shared weights as a whole.

    Attributes:
        status: `finished`, `stopped early` (by a guard), `diverged` or `out_of_memory`.
        failure: one line; None where the status is neither of the last two.
        collapse: what a guard saw; None where nothing collapsed.
        weights: number of shared weights.
        found: parameters of the derived network; None for a method that finds by its proxy accuracy alone, or failed.
    """

    method: str
    space: str
    status: str
    failure: str | None
    collapse: Collapse | None
    epochs: tuple[SupernetEpoch, ...]
    weights: int
    seconds: float
    found: Mapping[str, Any] | None

    @property
    def summary(self) -> str:
        """What became of it, in one line."""
        line = f"Super-net {self.method}: {len(self.epochs)} epochs, {self.weights:,} shared weights, {self.status}"
        if self.collapse is not None:
            kept = "" if self.collapse.kept is None else f"; epoch {self.collapse.kept + 1} is kept"
            line += f" after epoch {self.collapse.epoch + 1} ({self.collapse.reason}{kept})"
        return line + (f": {self.failure}" if self.failure else "") + "."

    def to_json(self) -> dict[str, Any]:
        """All fields as plain objects; a number that is not finite as null."""
        epochs = [
            {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row}
            for row in (asdict(one).items() for one in self.epochs)
        ]
        collapse = self.collapse.to_json() if self.collapse else None
        return {**asdict(self), "epochs": epochs, "collapse": collapse, "found": self.found and dict(self.found)}
