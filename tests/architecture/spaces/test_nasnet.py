"""The space `nasnet` keeps the contract and holds NASNet-A and AmoebaNet-A with the parameters that were published."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from presage.architecture.costs import costs
from presage.architecture.operations import Concatenate, Convolution, MaxPool
from presage.architecture.spaces import AMOEBANET_A, NASNET_A, NASNet
from presage.architecture.spaces.cells import NASNET_OPERATIONS
from presage.architecture.testing import SpaceContract
from presage.architecture.torch_bridge.build import build
from presage.errors import InvalidArgument


class TestNASNet(SpaceContract):
    space = NASNet()


class TestSmallNASNet(SpaceContract):
    space = NASNet(nodes=2, cells=6, width=3, stride=1)


def by_hand(cells: dict[str, Sequence[tuple[str, int]]], c: int, ends: tuple[int, int]) -> int:
    """Parameters of the network of 20 cells for CIFAR-10; a normal and a reduction cell give `ends` times c maps."""

    def operation(name: str, c: int) -> int:
        kernel = int(name[-1])
        if name.startswith("sep"):
            return 2 * (c * kernel * kernel + c * c + 2 * c)
        return {"conv_1x7_7x1": 14 * c * c + 2 * c}.get(name, 0)

    total = 27 * 3 * c + 2 * 3 * c
    before = last = 3 * c
    for cell in range(20):
        reduces = cell in (6, 13)
        c *= 1 + reduces
        total += before * c + 2 * c + last * c + 2 * c
        total += sum(
            operation(name, c) for name, _ in cells["reduction" if reduces else "normal"] if name[-1].isdigit()
        )
        before, last = last, ends[reduces] * c
    return total + (last + 1) * 10


@pytest.mark.parametrize(
    ("cells", "width", "passes", "ends", "millions"),
    [
        pytest.param(NASNET_A, 32, ("normal",), (6, 3), 3.3, id="NASNet-A (6 @ 768)"),
        pytest.param(AMOEBANET_A, 36, (), (3, 3), 3.2, id="AmoebaNet-A (6, 36)"),
    ],
)
def test_the_published_cells_have_the_published_parameters(
    cells: dict[str, Sequence[tuple[str, int]]],
    width: int,
    passes: tuple[str, ...],
    ends: tuple[int, int],
    millions: float,
) -> None:
    space = NASNet(cells=20, width=width, stride=1)
    network = space.decode(space.from_genotype(cells["normal"], cells["reduction"], passes))
    found = costs(network, (3, 32, 32), 10).parameters
    assert found == by_hand(cells, width, ends)
    assert found / 1e6 == pytest.approx(millions, abs=0.06)


def test_nasnet_a_ends_in_768_maps() -> None:
    space = NASNet(cells=20, width=32, stride=1)
    network = space.decode(space.from_genotype(NASNET_A["normal"], NASNET_A["reduction"], ("normal",)))
    shapes = network.shapes((3, 32, 32), 10)
    joined = [shapes[at] for at, node in enumerate(network.nodes) if isinstance(node.operation, Concatenate)]
    assert joined[0] == (192, 32, 32)
    assert joined[6] == (192, 16, 16)
    assert joined[-1] == (768, 8, 8)


@pytest.mark.parametrize("side", [16, 15])
@pytest.mark.parametrize("operation", NASNET_OPERATIONS)
def test_every_operation_is_built_and_counted_as_torch_counts_it(operation: str, side: int) -> None:
    space = NASNet(nodes=1, cells=3, width=4)
    edges = ((operation, 0), (operation, 1))
    network = space.decode(space.from_genotype(edges, edges))
    told = costs(network, (3, side, side), 5)
    module = build(network, (3, side, side), 5).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, 3, side, side))
    assert told.parameters == sum(parameter.numel() for parameter in module.parameters())
    assert told.multiply_adds == counter.get_total_flops() // 2


def test_what_a_row_and_a_column_see() -> None:
    space = NASNet(nodes=1)
    edges = (("conv_1x7_7x1", 0), ("max_pool_5x5", 1))
    network = space.decode(space.from_genotype(edges, edges))
    found = [node.operation for node in network.nodes]
    rows = [one for one in found if isinstance(one, Convolution) and one.kernel == (1, 7)]
    columns = [one for one in found if isinstance(one, Convolution) and one.kernel == (7, 1)]
    assert [(one.stride, one.padding) for one in rows] == [((1, 1), (0, 3)), ((1, 2), (0, 3)), ((1, 2), (0, 3))]
    assert [(one.stride, one.padding) for one in columns] == [((1, 1), (3, 0)), ((2, 1), (3, 0)), ((2, 1), (3, 0))]
    assert {one.kernel for one in found if isinstance(one, MaxPool)} == {(5, 5)}


def test_an_input_that_passes_is_halved_in_a_reduction_cell() -> None:
    space = NASNet(nodes=1, cells=3, stride=1)
    edges = (("conv_1x1", 1), ("conv_3x3", 1))
    plain = space.decode(space.from_genotype(edges, edges))
    passing = space.decode(space.from_genotype(edges, edges, ("normal", "reduction")))
    assert not any(isinstance(node.operation, Concatenate) for node in plain.nodes)
    shapes = passing.shapes((3, 16, 16), 5)
    joined = [shapes[at] for at, node in enumerate(passing.nodes) if isinstance(node.operation, Concatenate)]
    assert joined == [(16, 16, 16), (32, 8, 8), (64, 4, 4)]


def test_all_operations_are_drawn() -> None:
    space = NASNet()
    codes = space.sample(500, np.random.default_rng(0))
    drawn = {str(value) for code in codes for name, value in space.params(code).items() if name.endswith("operation")}
    assert drawn == set(NASNET_OPERATIONS)


def test_what_is_no_genotype_is_refused() -> None:
    space = NASNet()
    normal, reduction = NASNET_A["normal"], NASNET_A["reduction"]
    with pytest.raises(InvalidArgument, match="hold 10 edges"):
        space.from_genotype(normal[:-1], reduction)
    with pytest.raises(InvalidArgument, match=r"normal\.node2\.first\.operation"):
        space.from_genotype([("none", 0), *normal[1:]], reduction)
    with pytest.raises(InvalidArgument, match="be between 1 and 100"):
        NASNet(nodes=0)
