"""Built modules against the costs of their graphs, torch's flop counter, and torch run by hand."""

from __future__ import annotations

import copy
import io
import time
from collections.abc import Callable

import pytest
import torch
from torch import nn

from presage.architecture import Architecture, Node, bottlenecks, stage_ends
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    BatchNorm,
    Classifier,
    Concatenate,
    Convolution,
    Dropout,
    DropPath,
    Flatten,
    Input,
    Linear,
    Multiply,
)
from presage.architecture.torch_bridge.build import Network, build
from presage.errors import InvalidArgument
from tests.architecture.torch_bridge.built import assert_costs_match, with_head


def residual() -> Architecture:
    nodes = [Node(Convolution(8), (0,)), Node(BatchNorm(), (1,)), Node(Activation(), (2,))]
    for channels, stride in ((8, 1), (16, 2), (16, 1)):
        source = len(nodes)
        nodes.append(Node(Convolution(channels, stride=(stride, stride)), (source,)))
        nodes.append(Node(BatchNorm(), (source + 1,)))
        nodes.append(Node(Activation(), (source + 2,)))
        nodes.append(Node(Convolution(channels), (source + 3,)))
        shortcut = source
        if stride == 2:
            nodes.append(Node(Convolution(channels, (1, 1), (2, 2), (0, 0)), (source,)))
            shortcut = source + 5
        nodes.append(Node(Add(), (source + 4, shortcut)))
        nodes.append(Node(Activation(), (len(nodes),)))
    return with_head(*nodes)


def test_costs_equal_the_module_and_the_flop_counter() -> None:
    assert_costs_match(residual(), (3, 12, 12), 7)


def test_costs_of_random_networks_equal_the_module_and_the_flop_counter(
    random_architecture: Callable[[int], Architecture],
) -> None:
    for seed in range(60):
        assert_costs_match(random_architecture(seed), (4, 8, 8), 3)


def test_shapes_of_random_networks_are_those_of_their_tensors(
    random_architecture: Callable[[int], Architecture],
) -> None:
    for seed in range(100, 125):
        architecture = random_architecture(seed)
        network = build(architecture, (4, 8, 8), 3)
        nodes = range(len(architecture.nodes))
        _, tensors = network.forward_with_taps(torch.randn(2, 4, 8, 8), nodes)
        assert [tuple(tensor.shape[1:]) for tensor in tensors] == list(network.shapes)


def test_sums_products_and_concatenations() -> None:
    nodes = [Node(Activation("tanh"), (0,)), Node(Add(), (0, 1, 1, 0)), Node(AdaptiveAveragePool(), (2,))]
    nodes += [Node(Multiply(), (2, 3)), Node(Concatenate(), (4, 0, 1))]
    images = torch.randn(2, 3, 4, 4)
    kept = images.clone()
    _, [found] = build(with_head(*nodes), (3, 4, 4), 2).forward_with_taps(images, [5])
    total = 2 * images + 2 * images.tanh()
    expected = torch.cat([total * total.mean((2, 3), keepdim=True), images, images.tanh()], 1)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(images, kept)


def test_weights_are_named_by_their_node() -> None:
    nodes = (Node(Convolution(4, bias=True), (0,)), Node(Activation(), (1,)), Node(BatchNorm(), (2,)))
    names = set(build(with_head(*nodes), (3, 4, 4), 2).state_dict())
    assert names == {"n1.weight", "n1.bias", "n6.weight", "n6.bias"} | {
        f"n3.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }


def test_working_in_place_changes_neither_outputs_nor_gradients(
    random_architecture: Callable[[int], Architecture],
) -> None:
    images = torch.randn(3, 4, 8, 8)
    for seed in range(200, 216):
        network = build(random_architecture(seed), (4, 8, 8), 3).eval()
        everything = range(len(network.architecture.nodes))  # a tapped tensor is never overwritten
        logits, tapped = network(images), network.forward_with_taps(images, everything)[0]
        torch.testing.assert_close(logits, tapped)
        weights = list(network.parameters())
        plain = torch.autograd.grad(logits.sum(), weights, allow_unused=True)
        other = torch.autograd.grad(tapped.sum(), weights, allow_unused=True)
        for left, right in zip(plain, other, strict=True):
            assert (left is None) == (right is None)
            if left is not None:
                torch.testing.assert_close(left, right)


def test_taps_come_in_the_order_asked_and_unchanged_by_later_nodes() -> None:
    network = build(with_head(Node(Convolution(4), (0,)), Node(Activation(), (1,))), (3, 4, 4), 2)
    images = torch.randn(2, 3, 4, 4)
    logits, [active, plain, again] = network.forward_with_taps(images, [2, 1, 2])
    torch.testing.assert_close(plain, network.n1(images))  # negative values are still there
    assert plain.min() < 0
    torch.testing.assert_close(active, plain.relu())
    assert again is active
    torch.testing.assert_close(logits, network(images))
    with pytest.raises(InvalidArgument, match="`taps`"):
        network.forward_with_taps(images, [99])


def test_dropout_acts_in_training_only_and_keeps_the_mean() -> None:
    for operation in (Dropout(500), DropPath(500)):
        network = build(with_head(Node(operation, (0,))), (3, 4, 4), 2)
        ones = torch.ones(4_000, 3, 4, 4)
        _, [train] = network.train().forward_with_taps(ones, [1])
        assert set(train.unique().tolist()) == {0.0, 2.0}
        assert train.mean().item() == pytest.approx(1, abs=0.06)
        if isinstance(operation, DropPath):
            assert (train == train[:, :1, :1, :1]).all()  # whole images
        _, [test] = network.eval().forward_with_taps(ones, [1])
        assert (test == 1).all()


def test_a_copy_is_a_network_of_its_own() -> None:
    network = build(with_head(Node(Convolution(4), (0,)), Node(Dropout(999), (1,))), (3, 4, 4), 2)
    images = torch.randn(2, 3, 4, 4)
    network.train()(images)  # its plan is made
    twin = copy.deepcopy(network).eval()
    assert twin.n1 is not network.n1
    torch.testing.assert_close(twin(images), network.eval()(images))
    network.train()
    torch.testing.assert_close(twin(images), twin(images))  # follows its own mode, not the original's


def test_weights_survive_a_file() -> None:
    first, second = (build(residual(), (3, 8, 8), 4).eval() for _ in range(2))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    images = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(first(images), second(images))


def test_the_seed_of_torch_fixes_the_weights() -> None:
    networks: list[Network] = []
    for _ in range(2):
        torch.manual_seed(7)
        networks.append(build(residual(), (3, 8, 8), 4))
    for left, right in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=0)


def test_a_deep_plain_network_keeps_its_signal_at_the_start() -> None:
    nodes = []
    for index in range(12):
        nodes += [Node(Convolution(32), (2 * index,)), Node(Activation(), (2 * index + 1,))]
    torch.manual_seed(0)
    network = build(with_head(*nodes), (3, 16, 16), 4)
    _, [last] = network.forward_with_taps(torch.randn(8, 3, 16, 16), [24])
    assert 0.05 < last.std().item() < 5


def test_bottlenecks_lie_on_every_path() -> None:
    nodes = (
        Node(Convolution(4), (0,)),  # 1: every path
        Node(Convolution(4), (1,)),
        Node(Convolution(4), (1,)),
        Node(Convolution(4), (0,)),  # 4: dead
        Node(Add(), (2, 3)),  # 5: every path
        Node(Flatten(), (5,)),
        Node(Linear(9), (6,)),
        Node(Classifier(), (7,)),
    )
    assert bottlenecks(Architecture((Node(Input()), *nodes))) == (1, 5, 6, 7)


def test_stage_ends_are_the_ends_of_blocks_evenly_spread() -> None:
    # stem 1 to 3, blocks 4 to 9 and 10 to 16; the last block, 17 to 22, is what the classifier reads
    network = residual()
    assert stage_ends(network) == (3, 9, 16)
    assert [type(network.nodes[node].operation) for node in stage_ends(network)] == [Activation] * 3
    nodes = []
    for index in range(40):
        nodes += [Node(Convolution(4), (2 * index,)), Node(Activation(), (2 * index + 1,))]
    ends = stage_ends(with_head(*nodes))
    assert len(ends) == 6
    assert all(node % 2 == 0 for node in ends)
    gaps = [after - before for before, after in zip((0, *ends), (*ends, 80), strict=True)]
    assert max(gaps) - min(gaps) <= 2
    assert stage_ends(with_head(Node(Convolution(4), (0,)))) == ()


def test_running_the_graph_costs_little_beside_torch_itself() -> None:
    operations: list[nn.Module] = []
    nodes = []
    for index in range(60):
        nodes += [Node(Convolution(4), (2 * index,)), Node(Activation(), (2 * index + 1,))]
        operations += [nn.Conv2d(3 if index == 0 else 4, 4, 3, 1, 1, bias=False), nn.ReLU(inplace=True)]
    plain = nn.Sequential(*operations, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)).eval()
    network = build(with_head(*nodes), (3, 4, 4), 2).eval()
    images = torch.randn(1, 3, 4, 4)

    def seconds(module: nn.Module) -> float:
        best = float("inf")
        with torch.inference_mode():
            for _ in range(15):
                start = time.perf_counter()
                module(images)
                best = min(best, time.perf_counter() - start)
        return best

    assert seconds(network) < 2 * seconds(plain)


@pytest.mark.parametrize("lowered", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_strided_pointwise_convolutions_of_large_images_are_trained(layout: torch.memory_format, lowered: bool) -> None:
    """In torch 2.14 their own backward pass writes beyond its memory on some CPUs, and the process dies."""
    shortcut = Convolution(16, (1, 1), (2, 2), (0, 0), (1, 1), 1, True)
    graph = Architecture(
        (
            Node(Input(), ()),
            Node(shortcut, (0,)),
            Node(AdaptiveAveragePool((1, 1)), (1,)),
            Node(Flatten(), (2,)),
            Node(Classifier(), (3,)),
        )
    )
    network = build(graph, (8, 64, 56), 3)
    images = torch.randn(16, 8, 64, 56).contiguous(memory_format=layout).requires_grad_()
    labels = torch.arange(16) % 3
    for _ in range(3):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=lowered):
            logits = network(images)
        torch.nn.functional.cross_entropy(logits.float(), labels).backward()
    convolution, linear = network.n1, network.n4
    by_hand = torch.einsum("bchw,oc->bohw", images.double()[:, :, ::2, ::2], convolution.weight.double()[:, :, 0, 0])
    logits = linear.double()((by_hand + convolution.bias.double()[:, None, None]).mean(dim=(2, 3)))
    torch.testing.assert_close(network.float()(images), logits.float(), rtol=1e-4, atol=1e-5)
    assert images.grad is not None
    assert images.grad[:, :, 1::2].abs().max() == 0
