"""Networks made larger with their weights: what they compute stays, on every operation and in every space."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from presage.architecture.graph import Architecture, Node
from presage.architecture.morphing.inserting import BRANCHES, add_branch, add_skip, deepen
from presage.architecture.morphing.morphism import Morphism
from presage.architecture.morphing.widening import copies_for, widen
from presage.architecture.operations import (
    Activation,
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
    Input,
    Linear,
    MaxPool,
)
from presage.architecture.shrinking.channels import channels_of
from presage.architecture.spaces import SPACES, get_space
from presage.architecture.torch_bridge.build import Network, build
from presage.architecture.torch_bridge.trace import trace
from presage.errors import InvalidArchitecture
from presage.training.morphing.morphed import morphed

CLASSES = 5
TOLERANCE = 1e-5
TRACED = ("resnet18", "mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x0_5", "densenet121")


def trained_like(architecture: Architecture, shape: tuple[int, int, int], seed: int = 0) -> Network:
    """With statistics and weights other than those of the start."""
    torch.manual_seed(seed)
    network = build(architecture, shape, CLASSES)
    network.train()
    for _ in range(2):
        network(torch.randn(8, *shape))
    with torch.no_grad():
        for value in network.parameters():
            if value.dim() <= 1:
                value.add_(0.1 * torch.randn_like(value))
    return network.eval()


@torch.no_grad()
def off(small: Network, large: Network, shape: tuple[int, int, int]) -> float:
    """The largest difference of logits, over the largest logit where that is above 1."""
    images = torch.randn(6, *shape, generator=torch.Generator().manual_seed(7))
    before, after = small.eval()(images), large.eval()(images)
    return float((after - before).abs().max() / before.abs().max().clamp_min(1))


def every_morphism(architecture: Architecture, shape: tuple[int, int, int]) -> Iterator[Morphism | InvalidArchitecture]:
    """Each pool twice as wide and by some channels wider; each node followed by a layer, and joined with the three
    before it in each way that there is. What is refused, too."""
    rng = np.random.default_rng(0)
    for at, pool in enumerate(channels_of(architecture, shape, CLASSES).pools):
        for width in (2 * len(pool.numbers), len(pool.numbers) + 1 + len(pool.numbers) // 3):
            copies = copies_for(pool, width, rng)
            yield attempt(lambda at=at, copies=copies: widen(architecture, shape, CLASSES, at, copies))
    for to in range(len(architecture.nodes)):
        yield attempt(lambda to=to: deepen(architecture, shape, CLASSES, to))
        for source in range(max(to - 3, 0), to):
            yield attempt(lambda to=to, source=source: add_skip(architecture, shape, CLASSES, source, to))
            kind = BRANCHES[(source + to) % len(BRANCHES)]
            yield attempt(lambda t=to, s=source, k=kind: add_branch(architecture, shape, CLASSES, s, t, k))


def attempt(make: object) -> Morphism | InvalidArchitecture:
    try:
        return make()  # type: ignore[operator, no-any-return]
    except InvalidArchitecture as error:
        return error


def check_all(architecture: Architecture, shape: tuple[int, int, int], most: int | None = None) -> tuple[int, int]:
    """How many morphisms there are, and how many were refused; each that there is keeps the function."""
    network = trained_like(architecture, shape)
    found = list(every_morphism(architecture, shape))
    made = [one for one in found if isinstance(one, Morphism)]
    order = np.random.default_rng(1).permutation(len(made))[:most].tolist()
    for seed, at in enumerate(order):
        large = morphed(network, made[at], shape, CLASSES, seed=seed)
        assert off(network, large, shape) < TOLERANCE, made[at].how
        assert sum(map(torch.numel, large.parameters())) > sum(map(torch.numel, network.parameters())), made[at].how
    for one in found:
        if isinstance(one, InvalidArchitecture):
            assert any(f"(`{node.operation.name}`)" in str(one) for node in architecture.nodes), str(one)
    return len(made), len(found) - len(made)


def test_every_operation_keeps_the_function_or_is_refused_by_name(everything: Architecture) -> None:
    made, refused = check_all(everything, (3, 17, 15))
    assert made > 60
    assert refused > 20


def test_behind_every_operation_alone_a_copied_channel_is_followed_or_refused(everything: Architecture) -> None:
    """`everything` is one chain, in which one refusal hides the rest: here each operation follows one convolution."""
    followed, refused = set(), set()
    shape = (4, 8, 8)
    for node in everything.nodes[1:-1]:
        operation = node.operation
        count = max(len(node.inputs), operation.least_inputs)
        flat: list[Node] = [Node(Flatten(), (1,))] if operation.reads_flat else []
        body = [Node(Input()), Node(Convolution(8), (0,)), *flat]
        body.append(Node(operation, (len(body) - 1,) * count))
        if operation.name == "pad_lowest":
            body.append(Node(MaxPool((2, 2), (1, 1)), (len(body) - 1,)))  # or every logit is −∞
        if not operation.reads_flat or operation.name == "unflatten":
            body.append(Node(Flatten(), (len(body) - 1,)))
        body.append(Node(Classifier(), (len(body) - 1,)))
        architecture = Architecture(tuple(body))
        pools = channels_of(architecture, shape, CLASSES).pools
        network = trained_like(architecture, shape)
        for at, pool in enumerate(pools):
            count, rng = len(pool.numbers), np.random.default_rng(0)
            for copies in (np.full(count, 2), copies_for(pool, count + 1, rng)):
                found = attempt(lambda at=at, copies=copies, own=architecture: widen(own, shape, CLASSES, at, copies))
                if isinstance(found, InvalidArchitecture):
                    assert f"(`{operation.name}`)" in str(found)
                    refused.add(operation.name)
                else:
                    assert off(network, morphed(network, found, shape, CLASSES, seed=at), shape) < TOLERANCE, operation
                    followed.add(operation.name)
    assert {"local_response_norm", "channel_convolution", "channel_norm", "rms_norm"} <= refused
    assert len(followed) >= 35
    assert refused - followed == {"local_response_norm", "channel_convolution"}


@pytest.mark.parametrize("name", sorted(SPACES))
def test_networks_of_every_space_keep_their_function(name: str) -> None:
    space, shape = get_space(name), (3, 16, 16)
    code = space.sample(1, np.random.default_rng(3))[0]
    made, _ = check_all(space.decode(space.params(code)).canonical, shape, 12)
    assert made > 12


@pytest.mark.parametrize("name", TRACED)
def test_traced_networks_keep_their_function(name: str) -> None:
    torch.manual_seed(0)
    module = getattr(torchvision.models, name)(num_classes=CLASSES)
    shape = (3, 32, 32)
    architecture = trace(module, shape)
    made, _ = check_all(architecture, shape, 6)
    assert made > 20


def test_several_in_a_row_keep_the_function() -> None:
    space, shape = get_space("blocks"), (3, 12, 12)
    architecture = space.decode(space.params(space.sample(1, np.random.default_rng(0))[0])).canonical
    small = network = trained_like(architecture, shape)
    rng = np.random.default_rng(0)
    for step in range(8):
        found = [one for one in every_morphism(network.architecture, shape) if isinstance(one, Morphism)]
        network = morphed(network, found[int(rng.integers(len(found)))], shape, CLASSES, seed=step)
    assert off(small, network, shape) < TOLERANCE


def test_learned_norms_follow_what_they_are_divided_by() -> None:
    nodes = (
        Node(Input()), Node(Convolution(4, gain=True), (0,)), Node(Convolution(6, gain=True), (1,)),
        Node(Flatten(), (2,)), Node(Linear(7, gain=True), (3,)), Node(Classifier(gain=True), (4,)),
    )  # fmt: skip
    architecture, shape = Architecture(nodes), (3, 6, 6)
    network = trained_like(architecture, shape)
    for at, pool in enumerate(channels_of(architecture, shape, CLASSES).pools):
        copies = copies_for(pool, len(pool.numbers) + 2, np.random.default_rng(at))
        found = widen(architecture, shape, CLASSES, at, copies)
        assert off(network, morphed(network, found, shape, CLASSES, seed=0), shape) < TOLERANCE


def plain() -> tuple[Network, tuple[int, int, int]]:
    nodes = (
        Node(Input()), Node(Convolution(4), (0,)), Node(BatchNorm(), (1,)), Node(Activation(), (2,)),
        Node(Convolution(4), (3,)), Node(BatchNorm(), (4,)), Node(Activation(), (5,)), Node(Flatten(), (6,)),
        Node(Classifier(), (7,)),
    )  # fmt: skip
    return trained_like(Architecture(nodes), (3, 6, 6)), (3, 6, 6)


def test_copies_of_a_channel_learn_different_things() -> None:
    """Read with equal weights, they would have equal gradients for ever."""
    network, shape = plain()
    large = morphed(network, widen(network.architecture, shape, CLASSES, 0, [2, 2, 2, 2]), shape, CLASSES, seed=0)
    large.train()
    large(torch.randn(8, *shape)).square().sum().backward()
    gradient = large.get_submodule("n1").weight.grad
    assert isinstance(gradient, torch.Tensor)
    first, second = gradient[0].flatten(), gradient[1].flatten()
    assert float(torch.cosine_similarity(first, second, dim=0)) < 0.999


def test_with_images_a_deeper_network_computes_the_same_in_training() -> None:
    network, shape = plain()
    images = torch.randn(256, *shape)
    found = deepen(network.architecture, shape, CLASSES, 6)
    settled = morphed(network, found, shape, CLASSES, seed=0, images=images)
    bare = morphed(network, found, shape, CLASSES, seed=0)
    assert off(network, settled, shape) < TOLERANCE

    def changed(large: Network) -> float:
        """By normalising a batch by its own statistics, in the layer that is fresh."""
        with torch.no_grad():
            before = large.eval()(images)
            for module in large.modules():
                if isinstance(module, nn.BatchNorm2d) and module is large.get_submodule("n8"):
                    module.train()
            return float((large(images) - before).abs().max())

    assert changed(settled) < 1e-4 < changed(bare)


def test_a_seed_draws_the_same_network() -> None:
    network, shape = plain()
    found = widen(network.architecture, shape, CLASSES, 1, [1, 2, 1, 1])
    one, same, other = (morphed(network, found, shape, CLASSES, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)
