"""Small graphs to build, and how a built one is held to its costs, and a traced one to its module."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from presage.architecture import Architecture, Node, costs
from presage.architecture.operations import AdaptiveAveragePool, Classifier, Flatten, Input
from presage.architecture.torch_bridge.build import build
from presage.architecture.torch_bridge.proof import load_weights
from presage.architecture.torch_bridge.trace import Traced


def with_head(*nodes: Node) -> Architecture:
    """The nodes after an input, then global pooling and the classifier."""
    last = len(nodes)
    head = (Node(AdaptiveAveragePool(), (last,)), Node(Flatten(), (last + 1,)), Node(Classifier(), (last + 2,)))
    return Architecture((Node(Input()), *nodes, *head))


def assert_costs_match(architecture: Architecture, shape: tuple[int, int, int], classes: int) -> None:
    network = build(architecture, shape, classes).eval()
    found = costs(architecture, shape, classes)
    assert found.parameters == sum(parameter.numel() for parameter in network.parameters())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        logits = network(torch.randn(1, *shape))
    assert logits.shape == (1, classes)
    assert found.multiply_adds * 2 == counter.get_total_flops()


def assert_same_function(module: nn.Module, traced: Traced, shape: tuple[int, int, int]) -> None:
    """As many parameters and multiply-adds, and the same logits with the same weights."""
    module.eval()
    found = costs(traced.architecture, shape, traced.classes)
    assert found.parameters == sum(parameter.numel() for parameter in module.parameters())
    network = build(traced.architecture, shape, traced.classes).eval()
    load_weights(network, traced.sources, {**dict(module.named_parameters()), **dict(module.named_buffers())})
    images = torch.randn(2, *shape)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        expected = module(images)
    assert counter.get_total_flops() == 2 * 2 * found.multiply_adds
    with torch.no_grad():
        torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
