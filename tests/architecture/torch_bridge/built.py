"""Small graphs to build, and how a built one is held to its costs."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from presage.architecture import Architecture, Node, costs
from presage.architecture.operations import AdaptiveAveragePool, Classifier, Flatten, Input
from presage.architecture.torch_bridge.build import build


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
