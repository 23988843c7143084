"""Convolutions whose kernels are made of what is learned: standardised, gained, spectral, binomial."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from presage.architecture import Node, dumps, loads
from presage.architecture.operations import Convolution
from presage.architecture.torch_bridge.build import build
from tests.architecture.torch_bridge.test_build import assert_costs_match, with_head

MADE = [
    Convolution(6, groups=2, standardised=True, epsilon=(1, -6)),
    Convolution(6, groups=2, bias=True, standardised=True, gain=True, epsilon=(1, -6)),
    Convolution(6, gain=True),
    Convolution(6, spectral=True),
    Convolution(4, (5, 5), (2, 2), (2, 2), groups=4, binomial=True),
]


@pytest.mark.parametrize("operation", MADE, ids=str)
def test_convolutions_of_made_kernels_cost_what_they_hold_and_train(operation: Convolution) -> None:
    graph = with_head(Node(operation, (0,)))
    assert_costs_match(graph, (4, 9, 8), 3)
    assert loads(dumps(graph)) == graph
    network = build(graph, (4, 9, 8), 3)
    network(torch.randn(2, 4, 9, 8)).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in network.parameters())
    assert copy.deepcopy(network).state_dict().keys() == network.state_dict().keys()


def test_made_kernels_are_those_of_the_papers() -> None:
    images = torch.randn(2, 4, 9, 8)

    def kernels(operation: Convolution) -> tuple[Tensor, Tensor]:
        """What it learns, and what it convolves with: one pixel at a time lit, kernels are seen turned round."""
        network = build(with_head(Node(operation, (0,))), (4, 9, 8), 3).eval()
        network(images)
        module = network.get_submodule("n1")
        weight = module.weight if "weight" in dict(module.named_parameters()) else module.state_dict()["weight"]
        lit = torch.zeros(1, 4, 9, 8)
        lit[0, 0, 4, 4] = 1
        made = network.forward_with_taps(lit, [1])[1][0]
        return weight.detach(), made[0, :, 3:6, 3:6].flip(1, 2).detach()

    weight, made = kernels(Convolution(6, standardised=True))
    flat = weight.flatten(1)
    expected = (flat - flat.mean(1, keepdim=True)) / flat.std(1, correction=0, keepdim=True)
    torch.testing.assert_close(made, expected.view_as(weight)[:, 0])
    weight, made = kernels(Convolution(6, gain=True))
    torch.testing.assert_close(made, weight[:, 0])  # its norm is what it begins with
    row = torch.tensor([1.0, 2.0, 1.0])
    network = build(with_head(Node(Convolution(4, groups=4, binomial=True), (0,))), (4, 9, 8), 3)
    torch.testing.assert_close(network.get_submodule("n1").weight[2, 0], row.outer(row) / 16)
