"""`LatencyAim`: the latency that a search on shared weights aims at, as a sum over operations that it chooses among."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.spaces.relaxation import Relaxation
from presage.architecture.spaces.space import Codes, Space
from presage.errors import InvalidArgument
from presage.search.latency.model import LatencyModel

__all__ = ["LatencyAim"]

Floats = NDArray[np.float64]

_SWEEP = 60  # prices of latency, of either sign, that are tried for the strongest network within the limit
_LEAST_SHARE = 1e-12
_NEAR = 0.95  # of the limit


@dataclass(frozen=True)
class LatencyAim:
    """A limit on latency, and what estimates latencies.

    Attributes:
        model: fitted to networks measured on the device.
        most: seconds.
    """

    model: LatencyModel
    most: float

    def __post_init__(self) -> None:
        if not 0 < self.most < np.inf:
            raise InvalidArgument("most", "LatencyAim", "be a number of seconds above 0", self.most)

    def of(self, space: Space, relaxation: Relaxation) -> OperationLatency:
        """The same for the operations of a space."""
        return OperationLatency(self, space, relaxation)

    def to_json(self) -> dict[str, Any]:
        """The limit, and the weights of the model."""
        return {"most": self.most, "weights": list(self.model.weights)}


class OperationLatency:
    """Seconds of each operation of each edge, and the strongest network within the limit.

    The estimate of a network is ``constant + Σ seconds[e, o]`` over the (E, O) operations chosen, one of each edge:
    fitted by least squares to what `LatencyModel` estimates of networks derived at random, and exact where its estimate
    is such a sum (in `mobile`). With shares p for ones it is the expected latency of arXiv 1812.00332 (equation 2).
    """

    def __init__(self, aim: LatencyAim, space: Space, relaxation: Relaxation) -> None:
        self.aim, self.space, self.relaxation = aim, space, relaxation

    @cached_property
    def _fitted(self) -> tuple[float, Floats]:
        available = self.relaxation.available
        n, rng = 6 * available.size, np.random.default_rng(0)
        strength = np.where(available, rng.random((n, *available.shape)), 0.0)
        codes = np.stack([self.relaxation.derive(one) for one in strength])
        chosen = strength == strength.max(axis=2, keepdims=True)
        design = np.concatenate([np.ones((n, 1)), chosen.reshape(n, -1)], axis=1)
        seconds = np.linalg.lstsq(design, self.estimated(codes), rcond=None)[0]
        return float(seconds[0]), seconds[1:].reshape(available.shape)

    @property
    def constant(self) -> float:
        """Seconds of what is no choice."""
        return self._fitted[0]

    @property
    def seconds(self) -> Floats:
        """(E, O) seconds that an operation adds; 0 where it is no candidate."""
        return self._fitted[1]

    def estimated(self, codes: Codes) -> Floats:
        """(n,) estimated seconds of the networks of (n, p) codes."""
        return self.aim.model.seconds(self.space.decode_batch(codes))

    def expected(self, shares: Floats) -> float:
        """Seconds of networks whose operations are drawn by their (E, O) shares, in the mean."""
        return self.constant + float((shares * self.seconds).sum())

    def strongest(self, strength: Floats, derive: Callable[[Floats], Codes], most: float | None = None) -> Codes:
        """(p,) the strongest network, by (E, O) strengths, whose estimate is at most `most` and at least 95 % of it.

        Strengths are weighed by ``exp(price · seconds)`` for a range of prices of either sign (Lagrange relaxation).
        Where no network that was seen is so near, the slowest within `most`; where none is within, the fastest.

        Args:
            derive: gives the network of (E, O) strengths.
            most: seconds; the limit, by default.
        """
        most = self.aim.most if most is None else most
        floor = np.maximum(strength, _LEAST_SHARE)  # what has no share at all must be there to be chosen
        prices = np.geomspace(1e-2, 1e4, _SWEEP) / self.aim.most
        weighed = [floor * self._weighed(price) for price in (0.0, *prices, *-prices)]
        codes: Codes = np.stack([derive(one) for one in weighed])
        seconds = self.estimated(codes)
        if not _near(seconds, most).any():  # between two prices: one operation of another edge
            beside = [int(np.where(side, -np.abs(seconds - most), -np.inf).argmax()) for side in _sides(seconds, most)]
            swapped = [derive(one) for at in beside for one in self._swapped(weighed[at])]
            codes = np.concatenate([codes, np.stack(swapped)])
            seconds = self.estimated(codes)
        near = _near(seconds, most)
        if near.any():
            best = np.where(near, self.chances(codes, strength), -np.inf).argmax()
        elif (seconds <= most).any():
            best = np.where(seconds <= most, seconds, -np.inf).argmax()
        else:
            best = seconds.argmin()
        found: Codes = codes[int(best)]
        return found

    def beside(self, code: Codes, derive: Callable[[Floats], Codes]) -> Codes:
        """(n, p) the networks that another operation of one edge makes of that of a code (p,)."""
        chosen = np.maximum(self.relaxation.paths(code[None])[0].astype(np.float64), _LEAST_SHARE)
        found: Codes = np.unique(np.stack([derive(one) for one in self._swapped(chosen)]), axis=0)
        others: Codes = found[(found != code).any(axis=1)]
        return others

    def chances(self, codes: Codes, strength: Floats) -> Floats:
        """(n,) logarithms of how probable networks (n, p) are by (E, O) strengths."""
        floor = np.maximum(strength, _LEAST_SHARE)
        found: Floats = (self.relaxation.paths(codes) * np.log(floor)).sum(axis=(1, 2))
        return found

    def _swapped(self, strength: Floats) -> Iterator[Floats]:
        """Strengths in which another operation of one edge is the strongest, for each there is."""
        for edge, operation in np.argwhere(self.relaxation.available).tolist():
            found = strength.copy()
            found[edge, operation] = 2 * found[edge].max()
            yield found

    def _weighed(self, price: float) -> Floats:
        """(E, O) at most 1: how much less an operation counts at a price of latency, which may be below zero."""
        cost = price * self.seconds
        found: Floats = np.exp(cost.min(axis=1, keepdims=True) - cost)
        return found


def _near(seconds: Floats, most: float) -> NDArray[np.bool_]:
    """(n,) which are within `most` and use 95 % of it."""
    found: NDArray[np.bool_] = (seconds <= most) & (seconds >= _NEAR * most)
    return found


def _sides(seconds: Floats, most: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n,) which are within `most`, and which are over it."""
    return seconds <= most, seconds > most
