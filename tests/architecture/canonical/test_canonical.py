"""Canonical form: one for all ways of writing one function, against brute force and by hand."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from presage.architecture import Architecture, Node, costs
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    AveragePool,
    BatchNorm,
    ChannelShuffle,
    Classifier,
    Concatenate,
    Convolution,
    Dropout,
    Flatten,
    Identity,
    Input,
    Linear,
    MaxPool,
    Multiply,
    Zero,
)
from presage.architecture.torch_bridge.build import build


def with_head(*nodes: Node) -> Architecture:
    last = len(nodes)
    head = (Node(AdaptiveAveragePool(), (last,)), Node(Flatten(), (last + 1,)), Node(Classifier(), (last + 2,)))
    return Architecture((Node(Input()), *nodes, *head))


def renumbered(architecture: Architecture, seed: int) -> Architecture:
    """The same graph: another topological order, and the inputs of sums and products in another order."""
    rng = random.Random(seed)
    nodes = architecture.nodes
    pending = [len(node.inputs) for node in nodes]
    ready, order = [0], []
    while ready:
        index = ready.pop(rng.randrange(len(ready)))
        if index < len(nodes) - 1:
            order.append(index)
        for reader, node in enumerate(nodes):
            pending[reader] -= node.inputs.count(index)
            if index in node.inputs and pending[reader] == 0:
                ready.append(reader)
    order.append(len(nodes) - 1)
    place = {index: position for position, index in enumerate(order)}
    moved = []
    for index in order:
        sources = [place[source] for source in nodes[index].inputs]
        if isinstance(nodes[index].operation, Add | Multiply):
            rng.shuffle(sources)
        moved.append(Node(nodes[index].operation, tuple(sources)))
    return Architecture(tuple(moved))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_canonical_form_is_idempotent(random_architecture: Callable[[int], Architecture], seed: int) -> None:
    once = random_architecture(seed).canonical
    assert once.canonical == once


@given(seed=st.integers(0, 2**32), order=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_hash_does_not_depend_on_the_order_of_nodes_and_terms(
    random_architecture: Callable[[int], Architecture], seed: int, order: int
) -> None:
    architecture = random_architecture(seed)
    other = renumbered(architecture, order)
    assert other.hash == architecture.hash
    assert other.canonical == architecture.canonical


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_canonical_form_fits_the_same_images_and_has_no_more_weights(
    random_architecture: Callable[[int], Architecture], seed: int
) -> None:
    architecture = random_architecture(seed)
    before, after = costs(architecture, (4, 8, 8), 3), costs(architecture.canonical, (4, 8, 8), 3)
    assert after.depth <= before.depth
    constant = any(isinstance(node.operation, Zero) for node in architecture.canonical.nodes)
    assert constant or after.parameters <= before.parameters  # zeros are brought to shape by plain convolutions


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_canonical_form_computes_the_same(random_architecture: Callable[[int], Architecture], seed: int) -> None:
    """With every weight of a kind set to one pattern, no copying of weights between numberings is needed."""
    architecture = random_architecture(seed)
    images = torch.randn(2, 4, 8, 8)
    logits = []
    for form in (architecture, architecture.canonical):
        network = build(form, (4, 8, 8), 3).eval()
        with torch.no_grad():
            for parameter in network.parameters():
                pattern = torch.linspace(-1, 1, parameter.numel()).sin().reshape(parameter.shape)
                # biases of nothing are not kept by the canonical form: none here, and normalisations as they start
                parameter.copy_(pattern if parameter.dim() > 1 else torch.full_like(parameter, float("nan")))
            for index, node in enumerate(form.nodes):
                if hasattr(network, f"n{index}"):
                    module = network.get_submodule(f"n{index}")
                    for name, parameter in module.named_parameters():
                        if parameter.dim() == 1:
                            parameter.fill_(1.0 if name == "weight" else 0.0)
                assert node is not None
            logits.append(network(images))
    assume(bool(logits[0].isfinite().all()))  # one network in a hundred takes the root of a negative number
    scale = logits[0].abs().max().item()
    torch.testing.assert_close(logits[1], logits[0], rtol=1e-3, atol=1e-4 * max(scale, 1))


A, B, C = Convolution(4, (1, 1), padding=(0, 0)), Convolution(4), Convolution(4, (5, 5), padding=(2, 2))


def test_dead_nodes_identities_and_single_terms_are_gone() -> None:
    plain = with_head(Node(B, (0,)), Node(Activation(), (1,)))
    cluttered = with_head(
        Node(Identity(), (0,)),
        Node(B, (1,)),
        Node(A, (2,)),  # dead
        Node(Add(), (2,)),
        Node(MaxPool((1, 1), (1, 1)), (4,)),
        Node(Dropout(0), (5,)),
        Node(ChannelShuffle(1), (6,)),
        Node(Concatenate(), (7,)),
        Node(Activation(), (8,)),
        Node(Activation(), (9,)),  # of what is not negative already
    )
    assert cluttered.canonical == plain.canonical == plain
    assert cluttered.hash == plain.hash


def test_zeros_are_absorbed() -> None:
    plain = with_head(Node(B, (0,)))
    zeros = with_head(
        Node(B, (0,)),
        Node(Zero(), (1,)),
        Node(Activation(), (2,)),
        Node(C, (3,)),
        Node(BatchNorm(), (4,)),
        Node(Multiply(), (1, 5)),
        Node(Add(), (6, 1, 5)),
    )
    assert zeros.canonical == plain.canonical


def test_half_of_a_gate_is_no_zero() -> None:
    gated = with_head(Node(B, (0,)), Node(Zero(), (1,)), Node(Activation("sigmoid"), (2,)), Node(Multiply(), (1, 3)))
    assert gated.hash != with_head(Node(B, (0,))).hash
    images = torch.randn(2, 3, 4, 4)
    before, after = build(gated, (3, 4, 4), 2), build(gated.canonical, (3, 4, 4), 2)
    for name, network in (("before", before), ("after", after)):
        for parameter in network.parameters():
            torch.nn.init.constant_(parameter, 0.1)
        assert name
    torch.testing.assert_close(before(images), after(images))


def test_networks_that_see_nothing_are_one_and_can_be_built() -> None:
    first = with_head(Node(B, (0,)), Node(Zero(), (1,)), Node(A, (2,)), Node(BatchNorm(), (3,)))
    second = with_head(Node(B, (0,)), Node(BatchNorm(), (1,)), Node(AveragePool((3, 3), (1, 1), (1, 1)), (2,)))
    second = Architecture((*second.nodes[:4], Node(Zero(), (3,)), *(shifted(node, 1) for node in second.nodes[4:])))
    assert first.hash == second.hash
    network = build(first.canonical, (3, 4, 4), 2)
    assert torch.equal(network(torch.randn(1, 3, 4, 4)), network(torch.randn(1, 3, 4, 4)))


def shifted(node: Node, by: int) -> Node:
    return Node(node.operation, tuple(source + by for source in node.inputs))


def test_brackets_of_sums_do_not_matter() -> None:
    branches = [Node(A, (0,)), Node(B, (0,)), Node(C, (0,))]
    left = with_head(*branches, Node(Add(), (1, 2)), Node(Add(), (4, 3)))
    right = with_head(*branches, Node(Add(), (3, 2)), Node(Add(), (1, 4)))
    flat = with_head(*branches, Node(Add(), (2, 3, 1)))
    assert left.hash == right.hash == flat.hash
    assert sum(isinstance(node.operation, Add) for node in left.canonical.nodes) == 1


def test_a_residual_network_keeps_its_blocks() -> None:
    nodes = [Node(A, (0,))]
    for _ in range(30):
        source = len(nodes)
        nodes += [Node(Activation(), (source,)), Node(B, (source + 1,)), Node(Add(), (source, source + 2))]
    network = with_head(*nodes)
    assert len(network.canonical.nodes) == len(network.nodes)
    assert all(len(node.inputs) <= 2 for node in network.canonical.nodes)
    assert costs(network.canonical, (3, 4, 4), 2) == costs(network, (3, 4, 4), 2)


def test_a_sum_doubled_forty_times_is_no_million_million_terms() -> None:
    nodes = [Node(A, (0,)), *(Node(Add(), (index, index)) for index in range(1, 41))]
    start = time.perf_counter()
    network = with_head(*nodes)
    assert network.canonical.canonical == network.canonical
    assert max(len(node.inputs) for node in network.canonical.nodes) <= 512
    assert time.perf_counter() - start < 2


def test_equal_operations_without_weights_are_one_and_with_weights_two() -> None:
    pool = AveragePool((3, 3), (1, 1), (1, 1))
    twice = with_head(Node(pool, (0,)), Node(pool, (0,)), Node(A, (1,)), Node(B, (2,)), Node(Add(), (3, 4)))
    once = with_head(Node(pool, (0,)), Node(A, (1,)), Node(B, (1,)), Node(Add(), (2, 3)))
    assert twice.hash == once.hash
    two = with_head(Node(A, (0,)), Node(A, (0,)), Node(Activation("tanh"), (1,)), Node(Add(), (2, 3)))
    one = with_head(Node(A, (0,)), Node(Activation("tanh"), (1,)), Node(Add(), (1, 2)))
    assert two.hash != one.hash
    assert costs(two.canonical, (3, 4, 4), 2).parameters == costs(two, (3, 4, 4), 2).parameters


def test_the_order_of_concatenated_maps_matters() -> None:
    first = with_head(Node(A, (0,)), Node(B, (0,)), Node(Concatenate(), (1, 2)))
    second = with_head(Node(A, (0,)), Node(B, (0,)), Node(Concatenate(), (2, 1)))
    assert first.hash != second.hash
    swapped = with_head(Node(B, (0,)), Node(A, (0,)), Node(Concatenate(), (2, 1)))
    assert first.hash == swapped.hash


def rings(lengths: list[int], order: list[int]) -> Architecture:
    """Convolutions of one input, each added to the next of its ring: refinement alone cannot tell lengths apart."""
    number = sum(lengths)
    nodes = [Node(A, (0,)) for _ in range(number)]
    after: dict[int, int] = {}
    start = 0
    for length in lengths:
        for index in range(length):
            after[start + index] = start + (index + 1) % length
        start += length
    for index in order:
        nodes.append(Node(Add(), (index + 1, after[index] + 1)))
        nodes.append(Node(Activation("tanh"), (len(nodes),)))
    return with_head(*nodes, Node(Add(), tuple(range(number + 2, 3 * number + 2, 2))))


def test_rings_of_equal_nodes_are_told_apart() -> None:
    assert rings([6], list(range(6))).hash != rings([3, 3], list(range(6))).hash
    rng = random.Random(0)
    for lengths in ([6], [3, 3], [4, 3, 2], [5]):
        seen = {rings(lengths, rng.sample(range(sum(lengths)), sum(lengths))).hash for _ in range(5)}
        assert len(seen) == 1


def test_many_equal_branches_take_little_time() -> None:
    nodes: list[Node] = []
    source = 0
    for _ in range(4):
        ends = []
        for _ in range(32):
            nodes += [Node(A, (source,)), Node(Activation(), (len(nodes) + 1,)), Node(B, (len(nodes) + 2,))]
            ends.append(len(nodes))
        nodes.append(Node(Add(), tuple(ends)))
        source = len(nodes)
    network = with_head(*nodes)
    start = time.perf_counter()
    assert network.hash == renumbered(network, 1).hash
    assert time.perf_counter() - start < 5


def test_hash_is_the_same_in_every_version() -> None:
    """A database outlives versions: where this fails, old hashes need a migration."""
    network = with_head(Node(B, (0,)), Node(BatchNorm(), (1,)), Node(Activation(), (2,)), Node(Add(), (3, 1)))
    assert network.hash == "e88c6f90fac0f3bd5fd8f402495b7552d07ab9f82c2e05c9bb86855ba001db97"


@pytest.mark.parametrize("flat", [Linear(8), Flatten()])
def test_flat_inputs_are_not_flattened_again(flat: Linear | Flatten) -> None:
    nodes = (Node(Input()), Node(Flatten(), (0,)), Node(flat, (1,)), Node(Activation(), (2,)))
    again = Architecture((*nodes, Node(Flatten(), (3,)), Node(Classifier(), (4,))))
    assert again.canonical == Architecture((*nodes, Node(Classifier(), (3,)))).canonical
