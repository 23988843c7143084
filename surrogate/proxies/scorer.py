"""A zero-cost proxy as what a search maximises, in place of a predicted accuracy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from presage.errors import InvalidArchitecture
from presage.surrogate.predictors.prediction import Prediction
from presage.surrogate.proxies.measuring import Measured, measure
from presage.surrogate.proxies.registry import WORST, checked_names

if TYPE_CHECKING:
    from presage.architecture.batch.graph_batch import GraphBatch
    from presage.surrogate.proxies.minibatch import Minibatch

__all__ = ["ProxyFailure", "ProxyScorer"]


@dataclass(frozen=True)
class ProxyFailure:
    """A candidate without a finite proxy: its canonical hash, and why; it scored `WORST`."""

    hash: str
    why: str


@dataclass(eq=False)
class ProxyScorer:
    """Builds each candidate and gives it the value of one zero-cost proxy, some milliseconds each.

    The values are **no accuracies**: they only rank, and their scale is the proxy's own. They must not enter a database
    as predictions. An interval has no width. A candidate that has no finite value (its memory is exhausted, NaN) scores
    `WORST` and is noted in `failures`.

    Args:
        minibatch: of the user's dataset.
        proxy: one of `PROXIES`.
        seed: of the initial weights, the same for every candidate.
        device: where candidates are built.

    Raises:
        UnknownName: for a name that is no proxy.
    """

    minibatch: Minibatch
    proxy: str
    seed: int = 0
    device: str = "auto"
    failures: list[ProxyFailure] = field(default_factory=list)

    def __post_init__(self) -> None:
        checked_names([self.proxy])

    @property
    def name(self) -> str:
        """``proxy:naswot``."""
        return f"proxy:{self.proxy}"

    def score(self, graphs: GraphBatch) -> Prediction:
        """The proxy of n architectures, as value, lower and upper end alike; level 0."""
        values, names = np.empty(len(graphs)), (self.proxy,)
        for at in range(len(graphs)):
            architecture = graphs.architecture(at)
            try:
                names = (self.proxy,)
                found = measure(architecture, self.minibatch, names=names, seed=self.seed, device=self.device)[
                    self.proxy
                ]
            except InvalidArchitecture as error:  # too large to be built
                found = Measured(WORST, str(error))
            values[at] = found.value
            if found.failure is not None:
                self.failures.append(ProxyFailure(architecture.hash, found.failure))
        return Prediction(values, values.copy(), values.copy(), 0.0)
