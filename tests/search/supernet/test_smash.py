"""SMASH: the weights that the hypernetwork gives are those of its formula, and all of it learns."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from presage.architecture.spaces import NB101, NB201, Space
from presage.search.supernet import OneShotSettings
from presage.search.supernet.smash import Smash
from presage.training.data import DeviceData, prepare
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

RECIPE = Recipe(
    epochs=1, batch=16, image_side=8, train_images=64, validation_images=24, least_epoch_images=32, shift=0
)  # fmt: skip
SMALL = NB201(width=4)


@pytest.fixture(scope="module")
def data(dataset: ImageDataset) -> DeviceData:
    return prepare(dataset, RECIPE, "cpu")


def smash(data: DeviceData, space: Space = SMALL, seed: int = 0) -> Smash:
    return Smash(space, data, RECIPE, settings=OneShotSettings(epochs=2), seed=seed)


def two(one: Smash) -> tuple[np.ndarray, np.ndarray]:
    """Two networks that begin with the same convolutions."""
    names = ("nor_conv_3x3", "none", "nor_conv_3x3", "none", "none")
    edges = [f"edge{source}to{target}" for source, target in ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3))]
    params = dict(zip(edges, names, strict=True))
    first, second = one.space.codes([params | {"edge2to3": last} for last in ("nor_conv_1x1", "skip_connect")])
    return first, second


def test_a_network_computes_with_the_weights_of_the_formula(data: DeviceData) -> None:
    one = smash(data)
    code, _ = two(one)
    child = one.bank.child(code)
    x = torch.rand(5, *data.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        given = one._output(child.train(), code, x)
        h = one.hyper.embedding(code)
        alone = copy.deepcopy(child).train()
        for (name, module), (_, shared) in zip(alone.named_children(), child.named_children(), strict=True):
            if isinstance(module, nn.Conv2d | nn.Linear):
                matrix = one.hyper.last[one.bank.key_of(shared)]
                added = torch.einsum("wd,d->w", matrix, h).reshape(module.weight.shape)
                assert float(added.abs().max()) > 0, name
                module.weight += added
        assert torch.allclose(alone(x), given, atol=1e-5)
        assert not torch.allclose(child(x), given, atol=1e-3)


def test_networks_that_share_a_place_are_given_weights_of_their_own_there(data: DeviceData) -> None:
    one = smash(data)
    first, second = two(one)
    children = [one.bank.child(code) for code in (first, second)]
    shared = [{one.bank.key_of(module): module for module in child.children()} for child in children]
    common = [key for key in shared[0] if key in shared[1] and isinstance(shared[0][key], nn.Conv2d)]
    assert len(common) > 3
    assert all(shared[0][key] is shared[1][key] for key in common)
    assert not torch.allclose(one.hyper.embedding(first), one.hyper.embedding(second))
    x = torch.rand(4, *data.input_shape)
    with torch.no_grad():
        logits = one._output(children[0].train(), first, x)
        assert not torch.allclose(logits, one._output(children[0], second, x), atol=1e-4)


def test_inner_layers_last_layers_and_shared_weights_all_learn(data: DeviceData) -> None:
    one, untrained = smash(data), smash(data)
    one.train()
    assert any(
        not torch.equal(learned, drawn)
        for learned, drawn in zip(one.hyper.inner.parameters(), untrained.hyper.inner.parameters(), strict=True)
    )
    moved = 0
    for key, matrix in one.hyper.last.items():
        module = one.bank.modules[key]
        assert isinstance(module, nn.Conv2d | nn.Linear)
        moved += not torch.equal(matrix, untrained.hyper.matrix(key, module.weight))
    assert moved > 5
    assert one.weights == one.bank.size + one.hyper.size


def test_any_space_is_served_and_what_was_learned_is_read_again(data: DeviceData) -> None:
    space = NB101(width=6)
    one = smash(data, space)
    one.train()
    codes = space.sample(4, np.random.default_rng(0))
    proxies = one.proxy_accuracy(codes)
    assert np.isfinite(proxies).all()
    other = smash(data, space, seed=5)
    other._load_state(one._state())
    other.records = one.records
    assert np.array_equal(other.proxy_accuracy(codes), proxies)
