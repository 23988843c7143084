"""`FisherPotential`: BlockSwap's own rank of networks, at initialisation on one minibatch (arXiv 1906.04113)."""

from __future__ import annotations

from presage.architecture.graph import Architecture
from presage.surrogate.proxies.measuring import measure
from presage.surrogate.proxies.minibatch import Minibatch

__all__ = ["FisherPotential"]


class FisherPotential:
    """Gives the logarithm of a network's Fisher potential; of each network it is worked out once."""

    def __init__(self, minibatch: Minibatch, seed: int, device: str) -> None:
        self._minibatch, self._seed, self._device = minibatch, seed, device
        self._known: dict[str, float | None] = {}

    def __call__(self, architecture: Architecture) -> float | None:
        """The potential, larger is better; None where it has none (nothing flows, or no memory)."""
        key = architecture.hash
        if key not in self._known:
            found = measure(architecture, self._minibatch, names=["fisher"], seed=self._seed, device=self._device)
            self._known[key] = None if found["fisher"].failure else found["fisher"].value
        return self._known[key]
