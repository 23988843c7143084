"""`fitted`: a network made as narrow as its limits ask, and no narrower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from presage.architecture.graph import Architecture
from presage.architecture.shrinking.channels import Channels, channels_of
from presage.architecture.shrinking.narrowing import narrowed, widths_kept
from presage.search.shrinking.allowance import Allowance

__all__ = ["CLOSE", "NEAR", "TRIES", "WithinLimits", "fitted", "least"]

NEAR = 0.95
"""Of its limit that a smaller version takes at least, to be compared with others."""
_HALVINGS = 14
TRIES = 40
"""Single channels that are given back, at most."""
CLOSE = 0.995
"""Of the limit: nearer need not be."""


@dataclass(frozen=True)
class WithinLimits:
    """A network within limits.

    Attributes:
        factor: by which its widths were multiplied.
        share: of its limit that it takes.
        widths: channels that stay of each pool of the network, in their order.
    """

    architecture: Architecture
    factor: float
    share: float
    widths: tuple[int, ...]


def fitted(
    architecture: Architecture, allowance: Allowance, relative: Sequence[float] | None = None
) -> WithinLimits | None:
    """The widest version of a network within the limits, in canonical form; None where there is none.

    Its widths are multiplied by one factor of at most 1, found by halving; single channels are then given back, to the
    layers that rounding took most from, while the limits allow.

    Args:
        relative: how much wider or narrower than the others each pool of channels becomes, in their order; 1 for all by
            default. None becomes wider than it was.
    """
    channels = channels_of(architecture, allowance.input_shape, allowance.classes)
    sizes = np.array([len(pool.numbers) for pool in channels.pools], np.float64)
    weights = np.ones(len(sizes)) if relative is None else np.asarray(relative, np.float64)

    def wished(factor: float) -> np.ndarray:
        return np.clip(sizes * weights * factor, 1, sizes)

    def made(widths: np.ndarray) -> Architecture:
        return narrowed(architecture, channels, widths_kept(channels, widths.astype(np.int64).tolist()))

    low, high = 0.0, 1.0 / min(float(weights.min(initial=1.0)), 1.0)
    if allowance.share(made(np.floor(wished(low)))) > 1:
        return None
    if allowance.share(made(np.floor(wished(high)))) <= 1:
        low = high
    else:
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if allowance.share(made(np.floor(wished(middle)))) <= 1 else (low, middle)
    widths = np.floor(wished(low))
    share = allowance.share(made(widths))
    lost = wished(low) - widths
    for place in np.argsort(-lost, kind="stable")[:TRIES]:
        if share >= CLOSE:
            break
        wider = widths.copy()
        wider[place] += 1
        if wider[place] > sizes[place]:
            continue
        share_there = allowance.share(made(wider))
        if share_there <= 1:
            widths, share = wider, share_there
    found = made(widths).canonical
    return WithinLimits(found, min(low, 1.0), allowance.share(found), tuple(widths.astype(np.int64).tolist()))


def least(architecture: Architecture, allowance: Allowance) -> Architecture:
    """The network with one channel in each layer, or as few as its groups allow."""
    channels: Channels = channels_of(architecture, allowance.input_shape, allowance.classes)
    return narrowed(architecture, channels, widths_kept(channels, [1] * len(channels.pools))).canonical
