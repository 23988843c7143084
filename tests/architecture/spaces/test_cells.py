"""The cell spaces `darts` and `enas_micro` keep the contract and hold the networks of their papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from presage.architecture.batch.costs import batch_costs
from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.architecture.operations import Concatenate, Convolution, Identity, Zero
from presage.architecture.spaces import NB201, Darts, EnasMicro, get_space
from presage.architecture.testing import SpaceContract
from presage.architecture.torch_bridge.build import build
from presage.errors import InvalidArgument


class TestDarts(SpaceContract):
    space = Darts()


class TestDeeperDarts(SpaceContract):
    space = Darts(cells=5, width=4, stride=1)


class TestEnasMicro(SpaceContract):
    space = EnasMicro()


class TestSmallEnasMicro(SpaceContract):
    space = EnasMicro(nodes=2, cells=6, width=3, stride=1)


# genotypes as the authors of DARTS publish them, first and second order
DARTS_V1 = (
    [
        *(("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 0), ("sep_conv_3x3", 1)),
        *(("skip_connect", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 2)),
    ],
    [
        *(("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 0)),
        *(("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("avg_pool_3x3", 0)),
    ],
)
DARTS_V2 = (
    [
        *(("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
        *(("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)),
    ],
    [
        *(("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1)),
        *(("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)),
    ],
)


def by_hand(normal: list[tuple[str, int]], reduction: list[tuple[str, int]]) -> int:
    """Parameters of the 20-cell network for CIFAR-10, written down as the authors' code builds it."""

    def operation(name: str, c: int, stride: int) -> int:
        if name == "skip_connect":
            return c * c + 2 * c if stride == 2 else 0
        kernel = int(name[-1])
        separable = c * kernel * kernel + c * c + 2 * c
        return {"sep": 2, "dil": 1}.get(name[:3], 0) * separable

    total, c = 3 * 108 * 9 + 2 * 108, 36
    before, last = 108, 108
    for cell in range(20):
        reduces = cell in (6, 13)
        c *= 1 + reduces
        total += before * c + 2 * c + last * c + 2 * c
        for name, source in reduction if reduces else normal:
            total += operation(name, c, 2 if reduces and source < 2 else 1)
        before, last = last, 4 * c
    return total + (last + 1) * 10


@pytest.mark.parametrize(("genotype", "millions"), [(DARTS_V1, 3.2), (DARTS_V2, 3.35)])
def test_the_networks_of_the_darts_paper_have_their_parameters(
    genotype: tuple[list[tuple[str, int]], list[tuple[str, int]]], millions: float
) -> None:
    space = Darts(cells=20, width=36, stride=1)
    found = costs(space.decode(space.from_genotype(*genotype)), (3, 32, 32), 10)
    assert found.parameters == by_hand(*genotype)
    assert found.parameters / 1e6 == pytest.approx(millions, abs=0.05)


def test_a_darts_cell_is_wired_as_its_genotype_says() -> None:
    space = Darts()
    params = space.from_genotype(*DARTS_V2)
    assert params["normal.node3.inputs"] == "0,1"
    assert (params["normal.node5.first"], params["normal.node5.second"]) == ("skip_connect", "dil_conv_3x3")
    assert (params["reduction.node4.inputs"], params["reduction.node4.first"]) == ("0,2", "max_pool_3x3")
    architecture = space.decode(params)
    shapes = architecture.shapes((3, 32, 32), 10)
    joined = [shapes[at] for at, node in enumerate(architecture.nodes) if isinstance(node.operation, Concatenate)]
    assert joined == [(32, 16, 16), (64, 8, 8), (128, 4, 4)]
    dilated = [node.operation for node in architecture.nodes if getattr(node.operation, "dilation", (1, 1)) == (2, 2)]
    assert dilated == [Convolution(8, padding=(2, 2), dilation=(2, 2), groups=8)]


def test_the_two_inputs_of_a_darts_node_differ() -> None:
    for parameter in Darts().parameters:
        if parameter.name.endswith(".inputs"):
            assert all(len(set(str(choice).split(","))) == 2 for choice in parameter.choices)


@pytest.mark.parametrize("space", [Darts(), NB201()])
def test_a_relaxation_derives_each_network_from_its_own_path(space: Darts | NB201) -> None:
    relaxation = space.relaxation
    codes = space.sample(300, np.random.default_rng(0))
    paths = relaxation.paths(codes)
    assert paths.shape == (300, len(relaxation.edges), len(relaxation.operations))
    for code, path in zip(codes, paths, strict=True):
        if not path[:, relaxation.operations.index("none")].any():
            assert np.array_equal(relaxation.derive(path.astype(float)), code)


def test_the_weakest_skips_over_the_limit_give_way_to_the_next_best() -> None:
    space = NB201()
    relaxation = space.relaxation
    strength = np.zeros((6, 5))
    strength[:, relaxation.skip] = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    strength[:, relaxation.operations.index("nor_conv_3x3")] = 0.1
    assert relaxation.skips(relaxation.derive(strength)) == {"cell": 6}
    params = space.params(relaxation.derive_limited(strength, 2))
    assert list(params.values()) == ["skip_connect"] * 2 + ["nor_conv_3x3"] * 4


def test_what_is_no_genotype_is_refused() -> None:
    space = Darts()
    normal, reduction = DARTS_V2
    with pytest.raises(InvalidArgument, match="hold 8 edges"):
        space.from_genotype(normal[:-1], reduction)
    with pytest.raises(InvalidArgument, match="normal\\.node2\\.second"):
        space.from_genotype([normal[0], ("none", 1), *normal[2:]], reduction)
    with pytest.raises(InvalidArgument, match="first node read 0 and 1"):
        space.from_genotype([normal[0], normal[0], *normal[2:]], reduction)
    with pytest.raises(InvalidArgument, match="between 3 and 1000"):
        get_space("darts:cells=2")


def enas(first: tuple[int, str, int, str], second: tuple[int, str, int, str], cells: int = 3) -> Architecture:
    """The network both of whose cells have these two nodes."""
    names = ("first.input", "first.operation", "second.input", "second.operation")
    params = {
        f"{cell}.node{node}.{name}": value
        for cell in ("normal", "reduction")
        for node, values in ((2, first), (3, second))
        for name, value in zip(names, values, strict=True)
    }
    return EnasMicro(nodes=2, cells=cells, width=8, stride=1).decode(params)


def test_an_enas_cell_gives_its_loose_ends() -> None:
    both = enas((0, "identity", 1, "identity"), (0, "sep_conv_3x3", 1, "avg_pool_3x3"))
    shapes = both.shapes((3, 16, 16), 10)
    joined = [shapes[at] for at, node in enumerate(both.nodes) if isinstance(node.operation, Concatenate)]
    assert joined == [(16, 16, 16), (32, 8, 8), (64, 4, 4)]
    one = enas((0, "identity", 1, "identity"), (2, "sep_conv_3x3", 1, "avg_pool_3x3"))
    assert not any(isinstance(node.operation, Concatenate) for node in one.nodes)
    assert one.shapes((3, 16, 16), 10)[-3] == (32, 1, 1)


def test_an_enas_cell_that_nothing_reads_is_left_out() -> None:
    # every cell reads only the one before the last: of five cells the second and the fourth are for nothing
    skipping = enas((0, "max_pool_3x3", 0, "identity"), (2, "sep_conv_3x3", 2, "identity"), cells=5)
    reading = enas((0, "max_pool_3x3", 1, "identity"), (2, "sep_conv_3x3", 2, "identity"), cells=5)
    assert sum(node.operation.name == "max_pool" for node in skipping.nodes) == 3
    assert sum(node.operation.name == "max_pool" for node in reading.nodes) == 5


@pytest.mark.parametrize(
    "space", [Darts(), Darts(cells=6, width=3, stride=1), EnasMicro(), EnasMicro(nodes=2, cells=7)]
)
def test_networks_have_no_node_that_the_classifier_does_not_need(space: Darts | EnasMicro) -> None:
    batch = space.decode_batch(space.sample(20, np.random.default_rng(4)))
    for architecture in batch.architectures():
        assert not any(isinstance(node.operation, Zero | Identity) for node in architecture.nodes)
        needed = {source for node in architecture.nodes for source in node.inputs}
        assert needed == set(range(len(architecture.nodes) - 1))
        shape = (3, 12, 12)
        assert costs(architecture.canonical, shape, 10).parameters == costs(architecture, shape, 10).parameters


@pytest.mark.parametrize("space", [Darts(width=4), EnasMicro(width=4)])
def test_cell_networks_cost_what_torch_counts(space: Darts | EnasMicro) -> None:
    batch = space.decode_batch(space.sample(6, np.random.default_rng(11)))
    found = batch_costs(batch, (1, 9, 9), 7)
    for index, architecture in enumerate(batch.architectures()):
        module = build(architecture, (1, 9, 9), 7).eval()
        assert sum(parameter.numel() for parameter in module.parameters()) == found.parameters[index]
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            assert torch.isfinite(module(torch.ones(2, 1, 9, 9))).all()
        assert counter.get_total_flops() == 4 * found.multiply_adds[index]


@pytest.mark.parametrize("name", ["darts", "enas_micro"])
def test_cell_networks_fit_a_cpu(name: str) -> None:
    space = get_space(name)
    batch = space.decode_batch(space.sample(200, np.random.default_rng(0)))
    found = batch_costs(batch, (3, 16, 16), 10).multiply_adds
    assert found.max() < 4_000_000
    assert found.max() > 2 * found.min()
