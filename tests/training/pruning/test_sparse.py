"""Few weights that are not zero: which, how many, and that a training keeps them so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from presage.architecture.spaces import get_space
from presage.architecture.torch_bridge.build import Network, build
from presage.errors import InvalidArgument
from presage.training.data import DeviceData
from presage.training.fitting import fit
from presage.training.pruning.sparse import (
    hold_zeros,
    kept_by_magnitude,
    kept_by_snip,
    let_go,
    nonzero,
    prunable,
    zeroed,
)
from presage.training.recipe import Recipe

SHAPE, CLASSES = (1, 8, 8), 3


@pytest.fixture
def network() -> Network:
    space = get_space("blocks:blocks=1,width=8")
    torch.manual_seed(0)
    return build(space.decode({one.name: "S" for one in space.parameters}).canonical, SHAPE, CLASSES)


@pytest.fixture
def data() -> DeviceData:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (40, *SHAPE), dtype=torch.uint8, generator=generator)
    y = torch.arange(40) % CLASSES
    rows = np.arange(40)
    mean, deviation = torch.full((1,), 127.0), torch.full((1,), 70.0)
    return DeviceData(
        "noise", "0" * 64, CLASSES, x, y, x[:10], y[:10], x[:10], y[:10], mean, deviation, rows, rows[:10]
    )


@pytest.mark.parametrize("parameters", [1_000, 5_000, 12_000])
def test_so_many_stay_and_they_are_the_largest(network: Network, parameters: int) -> None:
    before = [module.weight.detach().clone() for module in prunable(network)]
    kept = kept_by_magnitude(network, parameters)
    zeroed(network, kept)
    assert nonzero(network) == parameters
    smallest = min(float(one[mask].abs().min()) for one, mask in zip(before, kept, strict=True) if mask.any())
    largest_gone = max(float(one[~mask].abs().max()) for one, mask in zip(before, kept, strict=True) if not mask.all())
    assert smallest >= largest_gone


def test_snip_keeps_what_the_loss_is_most_sensitive_to(network: Network) -> None:
    images, labels = torch.randn(12, *SHAPE), torch.arange(12) % CLASSES
    kept = kept_by_snip(network, images, labels, 4_000)
    weights = [module.weight for module in prunable(network)]
    loss = F.cross_entropy(network.train()(images), labels)
    flat = torch.cat(
        [(w * g).abs().flatten() for w, g in zip(weights, torch.autograd.grad(loss, weights), strict=True)]
    )
    mask = torch.cat([one.flatten() for one in kept])
    assert flat[mask].min() >= flat[~mask].max()
    zeroed(network, kept)
    assert nonzero(network) == 4_000


def test_a_training_keeps_zeros_zero_and_changes_the_rest(network: Network, data: DeviceData) -> None:
    zeroed(network, kept_by_magnitude(network, 4_000))
    start = [module.weight.detach().clone() for module in prunable(network)]
    hold_zeros(network)
    recipe = Recipe(epochs=2, image_side=8, batch=10, least_epoch_images=1, weight_decay=0.1)
    result = fit(network, data, recipe, device="cpu", depth=False)
    assert result.status == "finished"
    let_go(network)
    assert nonzero(network) == 4_000
    for was, module in zip(start, prunable(network), strict=True):
        assert torch.equal(was != 0, module.weight != 0)
    assert any(not torch.equal(was, module.weight) for was, module in zip(start, prunable(network), strict=True))
    assert not any("parametrizations" in name for name in network.state_dict())


def test_a_number_that_cannot_be_is_refused(network: Network) -> None:
    with pytest.raises(
        InvalidArgument, match=r"The `parameters` of `pruning` must be above the [\d,]+ that may not go"
    ):
        kept_by_magnitude(network, 3)
