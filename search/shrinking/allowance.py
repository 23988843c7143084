"""`Allowance`: how much of its limits a network uses."""

from __future__ import annotations

from dataclasses import dataclass, replace

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.search.latency.model import LatencyModel
from presage.search.limits import Limits

__all__ = ["Allowance"]


@dataclass(frozen=True)
class Allowance:
    """Limits for networks on images ``(c, h, w)`` with `classes` outputs.

    Attributes:
        latency: estimates latencies; needed where the limits are about them.
    """

    limits: Limits
    input_shape: tuple[int, int, int]
    classes: int
    latency: LatencyModel | None = None

    def shares(self, architecture: Architecture) -> dict[str, float]:
        """What a network takes of each limit there is, 1 for all of it."""
        found = costs(architecture, self.input_shape, self.classes)
        taken: dict[str, float] = {}
        for name, most in self.limits.set.items():
            if name == "latency_seconds":
                assert self.latency is not None  # as said above
                taken[name] = float(self.latency.seconds(GraphBatch.of([architecture]))[0]) / most
            else:
                taken[name] = getattr(found, name) / most
        return taken

    def share(self, architecture: Architecture) -> float:
        """What a network takes of the limit that it is nearest to, or furthest over."""
        return max(self.shares(architecture).values(), default=0.0)

    def within(self, seconds: float | None) -> Allowance:
        """The same with another limit of latency."""
        return replace(self, limits=replace(self.limits, latency_seconds=seconds))

    def words(self, architecture: Architecture) -> str:
        """The limits beside what a network has: *20 % of its multiply-adds and 1.2 ms at most*."""
        return " and ".join(
            f"{1000 * self.limits.set[name]:.3g} ms at most"
            if name == "latency_seconds"
            else f"{100 / share:.3g} % of its {name.replace('_', '-')}"
            for name, share in self.shares(architecture).items()
        )
