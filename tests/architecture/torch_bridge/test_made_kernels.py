"""Convolutions whose kernels are made of what is learned: standardised, gained, spectral, binomial."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from presage.architecture import Node, dumps, loads
from presage.architecture.operations import Convolution
from presage.architecture.torch_bridge.build import build
from presage.architecture.torch_bridge.trace import trace_module
from tests.architecture.torch_bridge.built import assert_costs_match, assert_same_function, with_head

MADE = [
    Convolution(6, groups=2, standardised=True, epsilon=(1, -6)),
    Convolution(6, groups=2, bias=True, standardised=True, gain=True, epsilon=(1, -6)),
    Convolution(6, bias=True, standardised=True, epsilon=(1, -5), unbiased=True, outside=True),
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
    weight, made = kernels(Convolution(6, standardised=True, epsilon=(2, -1), unbiased=True, outside=True))
    flat = weight.flatten(1)
    expected = (flat - flat.mean(1, keepdim=True)) / (flat.std(1, keepdim=True) + 0.2)  # torch's std: over n − 1
    torch.testing.assert_close(made, expected.view_as(weight)[:, 0])
    weight, made = kernels(Convolution(6, gain=True))
    torch.testing.assert_close(made, weight[:, 0])  # its norm is what it begins with
    row = torch.tensor([1.0, 2.0, 1.0])
    network = build(with_head(Node(Convolution(4, groups=4, binomial=True), (0,))), (4, 9, 8), 3)
    torch.testing.assert_close(network.get_submodule("n1").weight[2, 0], row.outer(row) / 16)


def _centred(weight: Tensor) -> Tensor:
    return weight - weight.mean((1, 2, 3), keepdim=True)


def _of_authors(weight: Tensor) -> Tensor:
    """As in the authors' own repository."""
    weight = weight - weight.mean(1, keepdim=True).mean(2, keepdim=True).mean(3, keepdim=True)
    deviation = weight.view(weight.size(0), -1).std(dim=1).view(-1, 1, 1, 1) + 1e-5
    return weight / deviation.expand_as(weight)


def _of_their_older(weight: Tensor) -> Tensor:
    """As they spelled it for an older torch, with another ε, too small to show, beneath the root."""
    variance = torch.var(weight.flatten(1), dim=1).view(-1, 1, 1, 1)
    return _centred(weight) / (torch.sqrt(variance + 1e-12) + 1e-5)


def _by_batch_norm(weight: Tensor) -> Tensor:
    return F.batch_norm(weight.reshape(1, len(weight), -1), None, None, training=True, eps=1e-3).view_as(weight)


STANDARDISED = {
    "authors": (_of_authors, {"epsilon": (1, -5), "unbiased": True, "outside": True}),
    "authors, older": (_of_their_older, {"epsilon": (1, -5), "unbiased": True, "outside": True}),
    "over n, outside": (
        lambda w: _centred(w) / (w.std((1, 2, 3), correction=0, keepdim=True) + 1e-3),
        {"epsilon": (1, -3), "outside": True},
    ),
    "over n - 1, beneath": (
        lambda w: _centred(w) * torch.rsqrt(w.var((1, 2, 3), keepdim=True) + 1e-3),
        {"epsilon": (1, -3), "unbiased": True},
    ),
    "batch_norm": (_by_batch_norm, {"epsilon": (1, -3)}),
}


@pytest.mark.parametrize("spelling", STANDARDISED)
def test_standardised_kernels_are_told_by_their_numbers(spelling: str) -> None:
    formula, fields = STANDARDISED[spelling]

    class Made(nn.Conv2d):
        def forward(self, input: Tensor) -> Tensor:
            return self._conv_forward(input, formula(self.weight), self.bias)

    module = nn.Sequential(Made(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4))
    traced = trace_module(module, (3, 8, 8))
    assert traced.architecture.nodes[1].operation == Convolution(
        8, padding=(0, 0), bias=True, standardised=True, **fields
    )  # fmt: skip
    assert_same_function(module, traced, (3, 8, 8))


def test_kernels_without_the_new_fields_are_written_as_before() -> None:
    plain = with_head(Node(Convolution(6, standardised=True, epsilon=(1, -6)), (0,)))
    assert "unbiased" not in dumps(plain)
    assert "outside" not in dumps(plain)
    moved = with_head(Node(Convolution(6, standardised=True, epsilon=(1, -6), outside=True), (0,)))
    assert plain.hash != moved.hash
