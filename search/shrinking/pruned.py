"""Channels of a trained network that stay within limits: `by_magnitude`, `by_fisher`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.architecture.shrinking.channels import Channels, channels_of
from presage.architecture.shrinking.narrowing import narrowed, widths_kept
from presage.search.shrinking.allowance import Allowance
from presage.search.shrinking.fitting import CLOSE, TRIES, fitted
from presage.surrogate.proxies.minibatch import BATCH, Minibatch
from presage.training.pruning.inheriting import inherited
from presage.training.pruning.saliency import fisher, magnitudes

if TYPE_CHECKING:
    from presage.architecture.graph import Architecture
    from presage.architecture.torch_bridge.build import Network

__all__ = ["FISHER", "MAGNITUDE", "PrunedNetwork", "by_fisher", "by_magnitude", "kept_within"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MAGNITUDE, FISHER = "magnitude", "fisher"
_LEAST_LEFT = 0.1  # of a layer's channels: a ranking over all layers would empty some


@dataclass(frozen=True, eq=False)
class PrunedNetwork:
    """A trained network with fewer channels.

    Attributes:
        network: with the weights that it inherits, not trained since.
        kind: `MAGNITUDE` or `FISHER`.
        how: the same in words.
        share: of its limit that it takes.
    """

    network: Network
    kind: str
    how: str
    share: float


def by_magnitude(network: Network, allowance: Allowance) -> PrunedNetwork | None:
    """Of every layer the same share of filters, those with the smallest weights, removed: as wide as the plain
    scaled-down version (arXiv 1608.08710). None where that does not do."""
    found = fitted(network.architecture, allowance)
    if found is None:
        return None
    channels = channels_of(network.architecture, allowance.input_shape, allowance.classes)
    kept = widths_kept(channels, found.widths, magnitudes(network, channels))
    return _pruned(
        network, channels, kept, allowance, MAGNITUDE, f"smallest filters removed, widths × {found.factor:.2f}"
    )


def by_fisher(network: Network, allowance: Allowance, images: Minibatch) -> PrunedNetwork | None:
    """Channels of all layers removed in the order of what the loss would rise by (arXiv 1801.05787). None where that
    does not do.

    Args:
        images: training images, on the network's device.
    """
    channels = channels_of(network.architecture, allowance.input_shape, allowance.classes)
    kept = kept_within(network.architecture, channels, fisher(network, channels, images.parts(BATCH)), allowance)
    if kept is None:
        return None
    return _pruned(network, channels, kept, allowance, FISHER, "channels of least Fisher information removed")


def kept_within(architecture: Architecture, channels: Channels, scores: Floats, allowance: Allowance) -> Mask | None:
    """(m,) the channels that stay where those of the lowest scores (m,) go, as few as the limits ask; of each layer a
    tenth stays. None where that does not do."""
    may_go = [
        pool.numbers[np.argsort(scores[pool.numbers], kind="stable")[: int(len(pool.numbers) * (1 - _LEAST_LEFT))]]
        for pool in channels.pools
        if len(pool.numbers) > 1
    ]
    numbers = np.concatenate([np.zeros(0, np.int64), *may_go])
    order = numbers[np.argsort(scores[numbers], kind="stable")]

    def share(kept: Mask) -> float:
        return allowance.share(narrowed(architecture, channels, kept))

    def without(count: int) -> Mask:
        kept = np.ones(len(channels.fixed), np.bool_)
        kept[order[:count]] = False
        return kept

    low, high = 0, len(order)  # removals that do not do, and that do
    if share(without(high)) > 1:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if share(without(middle)) <= 1 else (middle, high)
    kept = without(high)
    last = order[:high][::-1]
    for number in last[:TRIES]:  # one channel of a wide layer was too much: perhaps one of a narrow is not
        if share(kept) >= CLOSE:
            break
        more = kept.copy()
        more[number] = True
        if share(more) <= 1:
            kept = more
    return kept


def _pruned(
    network: Network, channels: Channels, kept: Mask, allowance: Allowance, kind: str, how: str
) -> PrunedNetwork:
    small = inherited(network, channels, kept, allowance.input_shape, allowance.classes)
    return PrunedNetwork(small, kind, how, allowance.share(small.architecture))
