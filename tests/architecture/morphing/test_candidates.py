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
CANDIDATES = [(branch,) for branch in BRANCHES]


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
    found = CandidateLayers(network, SHAPE, CLASSES, CANDIDATES, 0.01, seed=0)
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
    found = CandidateLayers(network, SHAPE, CLASSES, [(branch,)], penalty, seed=0)
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
    found = CandidateLayers(network, SHAPE, CLASSES, CANDIDATES, 1e-3, seed=0)
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
        found = CandidateLayers(network, SHAPE, CLASSES, CANDIDATES, penalty, seed=0)
        optimizer = torch.optim.Adam([value for value in found.module.parameters() if value.requires_grad], 0.02)
        labels = torch.arange(64) % CLASSES
        found.module.train()
        for _ in range(40):
            optimizer.zero_grad()
            F.cross_entropy(found.module(images(64)), labels).backward()
            optimizer.step()
        sums.append(sum(map(abs, found.weights())))
    assert sums[1] < 0.5 * sums[0]


REPEATED = Architecture(
    (
        Node(Input()), Node(Convolution(4), (0,)), Node(BatchNorm(), (1,)), Node(Activation(), (2,)),
        Node(Convolution(4), (3,)), Node(BatchNorm(), (4,)), Node(Activation(), (5,)),
        Node(Convolution(4), (6,)), Node(BatchNorm(), (7,)), Node(Activation(), (8,)),
        Node(Flatten(), (9,)), Node(Classifier(), (10,)),
    )
)  # fmt: skip
SHARED = [(Branch(3, 6, kind, 3), Branch(6, 9, kind, 3)) for kind in ("separable", "max_pool", "convolution")]


@pytest.fixture
def repeated() -> Network:
    torch.manual_seed(0)
    found = build(REPEATED, SHAPE, CLASSES)
    found.train()(torch.randn(32, *SHAPE))
    return found.eval()


def alphas(found: CandidateLayers) -> list[torch.nn.Parameter]:
    return [value for name, value in found.module.named_parameters() if name.endswith("alpha")]


def test_the_weight_of_a_candidate_in_cells_learns_by_the_sum_of_what_its_repetitions_learn(repeated: Network) -> None:
    labels = torch.arange(16) % CLASSES
    gradients = []
    for candidates, penalty in (([SHARED[2]], 0.25), ([(one,) for one in SHARED[2]], 0.0)):
        found = CandidateLayers(repeated, SHAPE, CLASSES, candidates, penalty, seed=0)
        found.module.train()
        F.cross_entropy(found.module(images()), labels).backward()
        gradients.append([value.grad.item() for value in alphas(found) if value.grad is not None])
    (shared,), apart = gradients
    assert len(apart) == 2
    assert shared == pytest.approx(sum(apart) + 0.25, abs=1e-5)  # the penalty counts once


def test_what_is_chosen_in_cells_joins_in_all_of_them_and_is_not_heard_at_first(repeated: Network) -> None:
    found = CandidateLayers(repeated, SHAPE, CLASSES, SHARED, 1e-3, seed=0)
    assert len(alphas(found)) == len(found.weights()) == len(SHARED)
    optimizer = torch.optim.Adam([value for value in found.module.parameters() if value.requires_grad], 0.01)
    labels = torch.arange(64) % CLASSES
    found.module.train()
    for _ in range(10):
        optimizer.zero_grad()
        F.cross_entropy(found.module(images(64)), labels).backward()
        optimizer.step()
    chosen = found.chosen(2)
    assert len(chosen) == 2
    child = found.child([0, 2])
    whole = with_branches(REPEATED, SHAPE, CLASSES, [*SHARED[0], *SHARED[2]])
    assert child.architecture == whole.architecture
    with torch.no_grad():
        assert torch.allclose(child(images()), found.module.eval()(images()), atol=1e-5)
    convolutions = [  # of the last candidate, one in each cell: weights of their own, both learned
        child.get_submodule(f"n{at}").weight
        for at, (branch, place) in enumerate(whole.keys)
        if branch in (2, 3) and place == 0
    ]
    assert len(convolutions) == 2
    assert not torch.equal(*convolutions)
    inner = [value for value in found.module.state_dict().values() if value.shape == convolutions[0].shape]
    assert all(any(torch.equal(value, learned) for value in inner) for learned in convolutions)
