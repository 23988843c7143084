"""What operations and activations say of themselves, against torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from presage.architecture import Architecture, Node
from presage.architecture.activations import TABLE
from presage.architecture.operation import Operation
from presage.architecture.operations import Activation, Classifier, Flatten, Identity, Input, Zero
from presage.architecture.torch_bridge.build import Network, build
from presage.errors import InvalidArchitecture


@pytest.fixture(scope="module")
def operations(everything: Architecture) -> list[Operation]:
    """Every operation; but for the image and the classifier, which stand in no other place than their own."""
    found = [node.operation for node in everything.nodes[1:-1]]
    return [*found, *(Activation(name) for name in TABLE)]


def built(operation: Operation, *, other: Operation | None = None, swapped: bool = False) -> tuple[Network, list[int]]:
    """A network of two such operations on one value, or on it and what `other` makes of it; and their nodes."""
    nodes = [Node(Input())]
    if operation.reads_flat:
        nodes.append(Node(Flatten(), (0,)))
    value = len(nodes) - 1
    nodes.append(Node(other or Identity(), (value,)))
    inputs: tuple[int, ...] = (value,) if operation.most_inputs == 1 else (value, len(nodes) - 1)
    first = len(nodes)
    nodes += [Node(operation, inputs[::-1] if swapped else inputs)] * 2
    nodes += [Node(Flatten(), (first,)), Node(Classifier(), (first + 2,))]
    shape = (8, 1, 1) if operation.reads_flat else (8, 6, 6)
    return build(Architecture(tuple(nodes)), shape, 3), [first, first + 1]


def outputs(operation: Operation, images: Tensor, *, train: bool = False, **how: Any) -> tuple[Tensor, Tensor]:
    """What both of them give."""
    network, taps = built(operation, **how)
    with torch.no_grad():
        left, right = network.train(train).forward_with_taps(images, taps)[1]
    return left, right


def drawn(operation: Operation, *, positive: bool = False) -> Tensor:
    """(4, 8, h, w) images that it takes."""
    torch.manual_seed(0)
    images = torch.randn(4, 8, *((1, 1) if operation.reads_flat else (6, 6)))
    return images.abs() if positive else images


def test_what_is_said_to_be_zero_is(operations: list[Operation]) -> None:
    for operation in operations:
        made = outputs(operation, torch.zeros_like(drawn(operation)))[0]
        if isinstance(operation, Activation):
            assert operation.known.keeps_zero == (not made.any()), operation
        else:
            assert operation.keeps_zero == (not made.any()), operation
        if operation.most_inputs != 1:
            mixed = outputs(operation, drawn(operation), other=Zero())[0]
            assert operation.zero_with_any == (not mixed.any()), operation


def test_what_is_said_to_keep_its_sign_does(operations: list[Operation]) -> None:
    for operation in operations:
        if operation.keeps_sign:
            assert (outputs(operation, drawn(operation, positive=True))[0] >= 0).all(), operation


def test_shapes_are_kept_where_it_is_said(operations: list[Operation]) -> None:
    for operation in operations:
        images = drawn(operation)
        made = outputs(operation, images)[0]
        assert not operation.elementwise or operation.keeps_shape, operation
        assert not operation.keeps_shape or made.shape == images.shape, operation
        assert operation.flattens == (made.dim() == 2 and not operation.reads_flat), operation
        assert not operation.adaptive or made.shape[2:] == getattr(operation, "size", None), operation
        assert not operation.stacks or made.shape[1] == 2 * images.shape[1], operation


def test_the_order_of_inputs_matters_where_it_is_not_said_to_commute(operations: list[Operation]) -> None:
    for operation in operations:
        if operation.most_inputs != 1:
            one, other = (
                outputs(operation, drawn(operation), other=Activation("tanh"), swapped=swapped)[0]
                for swapped in (False, True)
            )
            assert operation.commutes == torch.equal(one, other), operation


def test_what_is_idle_hands_its_input_on(operations: list[Operation]) -> None:
    idle = 0
    for operation in operations:
        images = drawn(operation)
        if operation.idle is None:
            assert not operation.hands_on, operation
            continue
        free: dict[str, Any] = {"padding": (0, 0)} if operation.pools else {}
        still = replace(operation, **(dict(operation.idle) | free))
        assert still.hands_on, still
        assert torch.equal(outputs(still, images, train=True)[0], images), still
        assert operation.hands_on == torch.equal(outputs(operation, images, train=True)[0], images), operation
        idle += 1
    assert idle >= 6


def test_two_on_one_value_differ_where_they_are_said_to(operations: list[Operation]) -> None:
    for operation in operations:
        left, right = (made.nan_to_num() for made in outputs(operation, drawn(operation), train=True))
        assert (operation.weighted or operation.random) == (not torch.equal(left, right)), operation
        network, taps = built(operation)
        module = getattr(network, f"n{taps[0]}", None)
        weights = list(module.parameters()) if module is not None else []
        assert operation.weighted == any(weight.dim() > 1 for weight in weights), operation
        assert operation.unlike == (bool(weights) or operation.random), operation


def test_scale_and_offset_of_what_it_reads_are_lost_where_it_is_said_to_normalise(operations: list[Operation]) -> None:
    for operation in operations:
        images = drawn(operation)
        made, moved = (outputs(operation, read, train=True)[0] for read in (images, 2 * images + 3))
        lost = bool(made.any()) and torch.allclose(made, moved, atol=1e-3)
        assert operation.normalises == lost, operation


def test_maps_and_flat_values_are_refused_where_it_is_said(operations: list[Operation]) -> None:
    def takes(operation: Operation, *shapes: tuple[int, ...]) -> bool:
        try:
            operation.shape(shapes * operation.least_inputs)
        except InvalidArchitecture:
            return False
        return True

    for operation in [*operations, Classifier()]:
        assert takes(operation, (8, 6, 6)) == (not operation.reads_flat), operation
        assert takes(operation, (8,)) == (not operation.reads_map), operation


@pytest.mark.parametrize("name", TABLE)
def test_activations_are_as_the_table_says(name: str) -> None:
    known, positive = TABLE[name], torch.linspace(0, 9, 8 * 36).reshape(1, 8, 6, 6)
    both = torch.cat([-positive, positive])
    made = outputs(Activation(name), both)[0]
    assert known.not_negative == bool((made >= 0).all())
    if known.keeps_not_negative:
        assert torch.equal(outputs(Activation(name), positive)[0], positive)
    if known.idempotent:
        assert torch.equal(outputs(Activation(name), made)[0], made)
