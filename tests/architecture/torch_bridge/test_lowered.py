from __future__ import annotations

import pytest
import torch

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Classifier, Convolution, Flatten, Input
from presage.architecture.torch_bridge.build import build, slow_in_bfloat16


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"), [((3, 3), (2, 2), (1, 1)), ((5, 5), (1, 1), (1, 1)), ((3, 3), (1, 1), (2, 2))]
)
def test_depthwise_convolutions_that_bfloat16_slows_run_in_float32(
    kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> None:
    depthwise = Convolution(8, kernel, stride, (2, 2), dilation, 8, False)
    assert slow_in_bfloat16(depthwise)
    assert not slow_in_bfloat16(Convolution(8, (3, 3), (1, 1), (1, 1), (1, 1), 8, False))
    assert not slow_in_bfloat16(Convolution(8, (3, 3), (2, 2), (1, 1), (1, 1), 4, False))
    graph = Architecture((Node(Input(), ()), Node(depthwise, (0,)), Node(Flatten(), (1,)), Node(Classifier(), (2,))))
    network = build(graph, (8, 12, 12), 3)
    images = torch.randn(4, 8, 12, 12)
    _, (plain,) = network.forward_with_taps(images, [1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, (lowered,) = network.forward_with_taps(images, [1])
    assert lowered.dtype == torch.bfloat16
    assert torch.equal(lowered, plain.bfloat16())  # rounded once, at the end
    logits.float().sum().backward()
    assert network.n1.weight.grad.dtype == torch.float32
    assert network.n1.weight.grad.abs().sum() > 0
    _, (after,) = network.forward_with_taps(images, [1])
    assert torch.equal(after, plain)
