"""Channels removed from a network with its weights: where they were zero, nothing changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    BatchNorm,
    ChannelShuffle,
    Classifier,
    Concatenate,
    Convolution,
    Flatten,
    GroupNorm,
    Input,
    Linear,
    Multiply,
    Slice,
    TransposedConvolution,
)
from presage.architecture.shrinking.channels import Channels, channels_of
from presage.architecture.shrinking.narrowing import widths_kept
from presage.architecture.spaces import get_space
from presage.architecture.torch_bridge.build import Network, build
from presage.training.pruning.inheriting import inherited
from presage.training.pruning.saliency import fisher, magnitudes

CLASSES = 5


def silenced(network: Network, channels: Channels, kept: np.ndarray) -> None:
    """Everything by which a channel that goes could be other than zero: its filters, biases and normalisations."""
    with torch.no_grad():
        for index, node in enumerate(network.architecture.nodes[:-1]):
            gone = torch.from_numpy(np.flatnonzero(~(kept | channels.fixed)[channels.layouts[index]]))
            module = getattr(network, f"n{index}", None)
            if module is None or not len(gone):
                continue
            if isinstance(module, nn.ConvTranspose2d):  # (c, o / groups, h, w)
                of_group = module.out_channels // module.groups
                for one in gone.tolist():
                    module.weight.unflatten(0, (module.groups, -1))[one // of_group, :, one % of_group] = 0
                continue
            for name in ("weight", "bias"):
                values = getattr(module, name, None)
                if values is not None and values.dim() and len(values) == len(channels.layouts[index]):
                    values[gone] = 0
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
                module.running_mean[gone] = 0
            assert not isinstance(node.operation, GroupNorm) or channels.by_groups.get(index, False)


def drawn(channels: Channels, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kept = rng.random(len(channels.fixed)) < 0.6
    for pool in channels.pools:
        kept[rng.choice(pool.numbers)] = True
    return kept


@pytest.mark.parametrize("name", ["blocks", "mobile", "stages", "darts", "enas_macro", "nasnet"])
def test_channels_that_are_zero_are_not_missed(name: str) -> None:
    space, shape = get_space(name), (3, 12, 12)
    for seed, code in enumerate(space.sample(3, np.random.default_rng(1))):
        architecture = space.decode(space.params(code)).canonical
        torch.manual_seed(seed)
        network = build(architecture, shape, CLASSES)
        images = torch.randn(4, *shape)
        network.train()(images)  # statistics other than those of the start
        network.eval()
        channels = channels_of(architecture, shape, CLASSES)
        kept = drawn(channels, seed)
        silenced(network, channels, kept)
        small = inherited(network, channels, kept, shape, CLASSES)
        with torch.no_grad():
            assert torch.allclose(small(images), network(images), atol=1e-5, rtol=1e-4)
        assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in network.parameters())


def shuffled() -> Architecture:
    """Grouped convolutions of few and of many groups, a shuffle, halves apart and together, a gate, a linear layer."""
    nodes = [
        (Convolution(12), (0,)), (BatchNorm(), (1,)), (Activation(), (2,)),
        (Convolution(12, groups=3), (3,)), (BatchNorm(), (4,)), (ChannelShuffle(3), (5,)),
        (Convolution(24, groups=12), (6,)), (GroupNorm(24), (7,)), (Slice(0, 12), (8,)), (Slice(12, 24), (8,)),
        (Convolution(12), (10,)), (Add(), (9, 11)), (Concatenate(), (12, 3)), (AdaptiveAveragePool(), (13,)),
        (Convolution(24, (1, 1), padding=(0, 0)), (14,)), (Activation(), (15,)), (Multiply(), (13, 16)),
        (TransposedConvolution(8, groups=2), (17,)), (AdaptiveAveragePool((2, 2)), (18,)), (Flatten(), (19,)),
        (Linear(12), (20,)), (Activation(), (21,)), (Classifier(heads=2), (22,)),
    ]  # fmt: skip
    return Architecture((Node(Input()), *(Node(*node) for node in nodes)))


@pytest.mark.parametrize("seed", range(5))
def test_of_groups_shuffles_halves_and_gates_zeros_are_not_missed(seed: int) -> None:
    shape = (3, 6, 6)
    torch.manual_seed(seed)
    network = build(shuffled(), shape, CLASSES).eval()
    channels = channels_of(network.architecture, shape, CLASSES)
    kept = drawn(channels, seed)
    silenced(network, channels, kept)
    small = inherited(network, channels, kept, shape, CLASSES)
    images = torch.randn(4, *shape)
    with torch.no_grad():
        assert torch.allclose(small(images), network(images), atol=1e-5, rtol=1e-4)


def test_all_kept_is_the_network_itself() -> None:
    space, shape = get_space("stages"), (3, 12, 12)
    architecture = space.decode(space.params(space.sample(1, np.random.default_rng(0))[0])).canonical
    network = build(architecture, shape, CLASSES).eval()
    channels = channels_of(architecture, shape, CLASSES)
    same = inherited(network, channels, np.ones(len(channels.fixed), np.bool_), shape, CLASSES)
    images = torch.randn(2, *shape)
    assert torch.equal(same(images), network(images))


def test_a_filter_of_small_weights_has_a_small_magnitude() -> None:
    network, channels = plain()
    with torch.no_grad():
        network.n1.weight[2] *= 0.01
    found = magnitudes(network, channels)
    weight = network.n1.weight.abs().sum((1, 2, 3))
    first = channels.layouts[1]
    assert found[first].argmin() == 2
    assert np.allclose(found[first], (weight / weight.mean()).detach().numpy())


def test_fisher_is_half_the_mean_squared_signal_of_each_channel() -> None:
    network, channels = plain()
    images, labels = torch.randn(6, 3, 12, 12), torch.arange(6) % CLASSES
    found = fisher(network, channels, [(images[:4], labels[:4]), (images[4:], labels[4:])])
    signals = []
    for image, label in zip(images, labels, strict=True):  # by a mask on the channels after the ReLU, image by image
        mask = torch.ones(1, 4, 1, 1, requires_grad=True)
        x = torch.relu(network.n2(network.n1(image[None]))) * mask
        logits = network.n6(x.mean((2, 3)))
        loss = nn.functional.cross_entropy(logits, label[None])
        signals.append(torch.autograd.grad(loss, mask)[0].flatten())
    expected = torch.stack(signals).square().mean(0) / 2
    assert np.allclose(found[channels.layouts[1]], expected.numpy(), rtol=1e-4)


def plain() -> tuple[Network, Channels]:
    """A convolution of 4 channels, normalised, activated, pooled, classified."""
    operations = (Convolution(4), BatchNorm(), Activation(), AdaptiveAveragePool(), Flatten(), Classifier())
    architecture = Architecture((Node(Input()), *(Node(one, (at,)) for at, one in enumerate(operations))))
    torch.manual_seed(0)
    network = build(architecture, (3, 12, 12), CLASSES)
    network(torch.randn(8, 3, 12, 12))
    return network.eval(), channels_of(architecture, (3, 12, 12), CLASSES)


def test_widths_kept_by_magnitude_are_those_asked_for() -> None:
    network, channels = plain()
    kept = widths_kept(channels, [2], magnitudes(network, channels))
    best = np.sort(np.argsort(-magnitudes(network, channels)[channels.layouts[1]])[:2])
    assert np.flatnonzero(kept[channels.layouts[1]]).tolist() == best.tolist()
