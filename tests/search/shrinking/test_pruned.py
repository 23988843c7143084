"""Which channels of a trained network stay within a limit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from presage.architecture.costs import costs
from presage.architecture.shrinking.channels import Channels, channels_of
from presage.architecture.spaces import get_space
from presage.architecture.torch_bridge.build import Network, build
from presage.search.limits import Limits
from presage.search.shrinking.allowance import Allowance
from presage.search.shrinking.fitting import NEAR
from presage.search.shrinking.proposing import plain
from presage.search.shrinking.pruned import by_fisher, by_magnitude, kept_within
from presage.surrogate.proxies.minibatch import Minibatch

SHAPE, CLASSES = (3, 12, 12), 4


@pytest.fixture
def network() -> Network:
    space = get_space("blocks:blocks=1,width=16")
    torch.manual_seed(0)
    return build(space.decode({parameter.name: "S" for parameter in space.parameters}).canonical, SHAPE, CLASSES).eval()


@pytest.fixture
def channels(network: Network) -> Channels:
    return channels_of(network.architecture, SHAPE, CLASSES)


def allowance(network: Network, share: float) -> Allowance:
    most = int(share * costs(network.architecture, SHAPE, CLASSES).multiply_adds)
    return Allowance(Limits(multiply_adds=most), SHAPE, CLASSES)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_by_magnitude_as_wide_as_the_plain_version(network: Network, share: float) -> None:
    asked = allowance(network, share)
    found, beside = by_magnitude(network, asked), plain(network.architecture, asked)
    assert found is not None
    assert beside is not None
    assert found.network.architecture.hash == beside.architecture.hash
    assert NEAR <= found.share <= 1


def test_by_fisher_what_matters_stays(network: Network) -> None:
    images = Minibatch(torch.randn(16, *SHAPE), torch.arange(16) % CLASSES, CLASSES)
    asked = allowance(network, 0.3)
    found = by_fisher(network, asked, images)
    assert found is not None
    assert NEAR <= found.share <= 1
    assert found.share == asked.share(found.network.architecture)
    assert torch.isfinite(found.network(images.images)).all()


def test_the_lowest_scores_go_and_a_tenth_of_each_layer_stays(network: Network, channels: Channels) -> None:
    scores = np.ones(len(channels.fixed))
    first, last = channels.pools[0].numbers, channels.pools[-1].numbers
    scores[first] = 0.0  # all of a layer looks useless
    scores[last] = 2.0
    kept = kept_within(network.architecture, channels, scores, allowance(network, 0.3))
    assert kept is not None
    assert np.count_nonzero(kept[first]) >= len(first) / 10
    assert np.count_nonzero(kept[first]) < len(first) / 2
    assert np.count_nonzero(kept[last]) > np.count_nonzero(kept[first])


def test_a_limit_below_a_tenth_of_each_layer_cannot_be(network: Network, channels: Channels) -> None:
    scores = np.ones(len(channels.fixed))
    assert kept_within(network.architecture, channels, scores, allowance(network, 0.0005)) is None
