"""Candidates beside a network: unheard, they learn what would lower its loss."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from presage.architecture.graph import Architecture, Node
from presage.architecture.morphing.branching import Branch, with_branches
from presage.architecture.morphing.morphism import FRESH
from presage.architecture.operations import (
    Activation,
    Add,
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
    Input,
)
from presage.architecture.torch_bridge.build import Network, build
from presage.training.morphing.candidates import CandidateLayers

SHAPE, CLASSES = (3, 6, 6), 4
OWN = Architecture(
    (
        Node(Input()), Node(Convolution(4), (0,)), Node(BatchNorm(), (1,)), Node(Activation(), (2,)),
        Node(Convolution(6), (3,)), Node(BatchNorm(), (4,)), Node(Activation(), (5,)), Node(Flatten(), (6,)),
        Node(Classifier(), (7,)),
    )
)  # fmt: skip
BRANCHES = (
    Branch(0, 3, "convolution", 3), Branch(3, 6, "separable", 3), Branch(2, 3, "max_pool", 3),
    Branch(2, 6, "convolution", 5), Branch(2, 3, "average_pool", 1),
)  # fmt: skip


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    found = build(OWN, SHAPE, CLASSES)
    found.train()(torch.randn(32, *SHAPE))
    return found.eval()


def images(count: int = 16) -> torch.Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(3))


def test_nodes_are_told_by_the_branch_that_they_are_of() -> None:
    found = with_branches(OWN, SHAPE, CLASSES, BRANCHES)
    own = [place for branch, place in found.keys if branch == FRESH]
    assert own == list(range(len(OWN.nodes)))
    for number, branch in enumerate(BRANCHES):
        places = [at for at, key in enumerate(found.keys) if key[0] == number]
        last = found.architecture.nodes[places[-1]]
        assert isinstance(last.operation, Add)
        assert found.place((FRESH, branch.to)) < places[0]
    assert found.architecture.shapes(SHAPE, CLASSES)[-1] == (CLASSES,)


def test_nothing_is_heard_of_candidates_and_nothing_learns_otherwise(network: Network) -> None:
    """Logits and gradients of the network are the same with and without them."""
    found = CandidateLayers(network, SHAPE, CLASSES, BRANCHES, 0.01, seed=0)
    labels = torch.arange(16) % CLASSES
    network.train()
    found.module.train()
    before, after = network(images()), found.module(images())
    assert torch.allclose(before, after, atol=1e-6)
    F.cross_entropy(before, labels).backward()
    F.cross_entropy(after, labels).backward()
    places = {key: at for at, key in enumerate(found._graph.keys)}
    for at in (1, 4, 8):
        own = network.get_submodule(f"n{at}").weight.grad
        beside = found.module.get_submodule(f"n{places[FRESH, at]}").weight.grad
        assert isinstance(own, torch.Tensor)
        assert isinstance(beside, torch.Tensor)
        assert torch.allclose(own, beside, atol=1e-5)


def test_a_candidate_has_the_gradient_that_it_would_have_if_it_were_heard(network: Network) -> None:
    """∂L/∂α is the product of what it computes and of the gradient where it would be added, plus the penalty."""
    branch, penalty = Branch(2, 3, "average_pool", 1), 0.25  # the value itself, normalised
    found = CandidateLayers(network, SHAPE, CLASSES, [branch], penalty, seed=0)
    labels = torch.arange(16) % CLASSES
    found.module.train()
    F.cross_entropy(found.module(images()), labels).backward()
    alpha = next(value for name, value in found.module.named_parameters() if name.endswith("alpha"))
    network.train()
    logits, (read, made) = network.forward_with_taps(images(), (2, 3))
    gradient = torch.autograd.grad(F.cross_entropy(logits, labels), made)[0]
    computed = F.batch_norm(read, None, None, training=True)
    assert isinstance(alpha.grad, torch.Tensor)
    assert alpha.grad.item() == pytest.approx((computed * gradient).sum().item() + penalty, abs=1e-4)


def test_what_is_chosen_begins_unheard_with_what_it_learned(network: Network) -> None:
    found = CandidateLayers(network, SHAPE, CLASSES, BRANCHES, 1e-3, seed=0)
    optimizer = torch.optim.Adam([value for value in found.module.parameters() if value.requires_grad], 0.01)
    labels = torch.arange(64) % CLASSES
    found.module.train()
    for _ in range(15):
        optimizer.zero_grad()
        F.cross_entropy(found.module(images(64)), labels).backward()
        optimizer.step()
    assert len(found.weights()) == len(BRANCHES)
    assert len(set(found.weights())) > 1
    chosen = found.chosen(1)
    assert [BRANCHES[at].to for at in sorted(chosen, key=lambda at: BRANCHES[at].to)] == [3, 6]
    for to in (3, 6):
        of_node = [abs(weight) for weight, one in zip(found.weights(), BRANCHES, strict=True) if one.to == to]
        assert max(of_node) in [abs(found.weights()[at]) for at in chosen]
    child = found.child([0, 1])
    assert child.architecture == found.graph([0, 1])
    with torch.no_grad():
        assert torch.allclose(child(images()), found.module.eval()(images()), atol=1e-5)
    learned = child.get_submodule("n4").weight  # the convolution of the first candidate, behind node 3
    inner = found.module.state_dict()
    assert any(value.shape == learned.shape and torch.equal(value, learned) for value in inner.values())


def test_a_penalty_that_is_large_leaves_the_least_of_them(network: Network) -> None:
    sums = []
    for penalty in (0.0, 1.0):
        found = CandidateLayers(network, SHAPE, CLASSES, BRANCHES, penalty, seed=0)
        optimizer = torch.optim.Adam([value for value in found.module.parameters() if value.requires_grad], 0.02)
        labels = torch.arange(64) % CLASSES
        found.module.train()
        for _ in range(40):
            optimizer.zero_grad()
            F.cross_entropy(found.module(images(64)), labels).backward()
            optimizer.step()
        sums.append(sum(map(abs, found.weights())))
    assert sums[1] < 0.5 * sums[0]
