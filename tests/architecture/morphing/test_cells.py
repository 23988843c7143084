"""Where a network repeats a part, and which nodes of its repetitions belong together."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.graph import Architecture, Node
from presage.architecture.morphing.branching import Branch, told_of, with_branches
from presage.architecture.morphing.cells import repeated_cells
from presage.architecture.operation import Operation
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Add,
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
    Input,
    MaxPool,
)
from presage.architecture.spaces import get_space

SHAPE, CLASSES = (3, 16, 16), 5


def chain(*operations: Operation) -> Architecture:
    whole = (Input(), *operations, AdaptiveAveragePool(), Flatten(), Classifier())
    return Architecture(tuple(Node(one, (at - 1,) if at else ()) for at, one in enumerate(whole)))


def layer(channels: int, side: int = 3) -> tuple[Operation, ...]:
    return Convolution(channels, (side, side), padding=(side // 2, side // 2)), BatchNorm(), Activation()


def cells_of(architecture: Architecture) -> tuple[tuple[int, ...], ...]:
    return repeated_cells(architecture, SHAPE, CLASSES)


def test_a_layer_that_keeps_the_width_is_repeated_at_two_widths() -> None:
    found = chain(*layer(8), *layer(8), MaxPool(), *layer(12), *layer(12))
    # the first of each stage has another share of what it reads (8 / 3, 12 / 8)
    assert cells_of(found) == ((3, 4, 5, 6), (10, 11, 12, 13))


def test_the_part_that_makes_up_most_of_the_network_is_the_cell() -> None:
    found = chain(*layer(8), *layer(8, 5), *layer(8), *layer(8, 5), *layer(8), *layer(8, 5))
    assert cells_of(found) == ((6, 7, 8, 9, 10, 11, 12), (12, 13, 14, 15, 16, 17, 18))
    shorter = chain(*layer(8), *layer(8), *layer(8), *layer(8))  # three of one layer rather than one and a half of two
    assert [len(cell) for cell in cells_of(shorter)] == [4, 4, 4]


def test_a_part_that_keeps_the_side_goes_before_larger_ones_that_reduce_it() -> None:
    stage = (*layer(8), *layer(8, 5), MaxPool())
    found = chain(*layer(8), MaxPool(), *stage, *stage)
    assert [len(cell) for cell in cells_of(found)] == [7, 7]
    assert [cell[0] for cell in cells_of(found)] == [4, 11]
    reducing = chain(*(Convolution(6), MaxPool(), Convolution(12), MaxPool(), Convolution(24), MaxPool()))
    assert cells_of(reducing) == ((0, 1, 2), (2, 3, 4), (4, 5, 6))  # 3, 6, 12 channels read, each layer doubles them


@pytest.mark.parametrize(
    "operations",
    [
        (*layer(8), *layer(8, 5), *layer(12)),
        (*layer(8),),
        (Convolution(8), Convolution(8), Convolution(8), MaxPool()),  # nothing could be added to
        (*layer(8), AdaptiveAveragePool(), *layer(8, 1), *layer(8, 1), *layer(8, 1)),  # maps of one pixel
    ],
)
def test_what_repeats_nothing_has_no_cells(operations: tuple[Operation, ...]) -> None:
    assert cells_of(chain(*operations)) == ()


def test_branches_that_stand_in_another_order_are_the_same_cell() -> None:
    """Two cells of two branches, written the other way round; at equal places are equal operations."""
    nodes = (
        Node(Input()), Node(Convolution(6), (0,)), Node(BatchNorm(), (1,)), Node(Activation(), (2,)),
        Node(MaxPool((3, 3), (1, 1), (1, 1)), (3,)), Node(Convolution(6), (3,)), Node(BatchNorm(), (5,)),
        Node(Add(), (4, 6)),
        Node(Convolution(6), (7,)), Node(BatchNorm(), (8,)), Node(MaxPool((3, 3), (1, 1), (1, 1)), (7,)),
        Node(Add(), (9, 10)),
        Node(AdaptiveAveragePool(), (11,)), Node(Flatten(), (12,)), Node(Classifier(), (13,)),
    )  # fmt: skip
    one, other = cells_of(Architecture(nodes))
    assert (one[0], one[-1], other[0], other[-1]) == (3, 7, 7, 11)
    assert [nodes[at].operation for at in one[1:]] == [nodes[at].operation for at in other[1:]]
    assert set(one[1:]) == {4, 5, 6, 7}
    assert dict(zip(one, other, strict=True))[4] == 10


def test_cells_that_grow_together_stay_repetitions() -> None:
    own = chain(*layer(8), *layer(8), MaxPool(), *layer(12), *layer(12))
    shared = tuple(Branch(cell[0], cell[3], "separable", 3) for cell in cells_of(own))
    grown = with_branches(own, SHAPE, CLASSES, shared).architecture
    found = cells_of(grown)
    assert len(found) == 2
    assert [len(cell) for cell in found] == [4 + 5] * 2  # depthwise, norm, pointwise, norm, sum
    operations = [[grown.nodes[at].operation.name for at in cell[1:]] for cell in found]
    assert operations[0] == operations[1]
    alone = with_branches(own, SHAPE, CLASSES, shared[:1]).architecture
    assert cells_of(alone) != found
    assert told_of(shared) == "branch (separable, 3×3) from 3 to 6, and likewise in 1 more cell"


@pytest.mark.parametrize(("name", "least"), [("nb201", 12), ("hierarchical", 12), ("stages", 9)])
def test_networks_of_spaces_with_cells_have_them(name: str, least: int) -> None:
    drawn = get_space(name).decode_batch(get_space(name).sample(12, np.random.default_rng(0)))
    count = 0
    for architecture in (one.canonical for one in drawn.architectures()):
        cells = cells_of(architecture)
        count += bool(cells)
        for cell in cells:
            assert len(set(cell)) == len(cell)
            assert all(
                architecture.nodes[at].operation.name == architecture.nodes[other].operation.name
                for at, other in zip(cell[1:], cells[0][1:], strict=True)
            )
            place = {at: number for number, at in enumerate(cell)}
            for at, other in zip(cell[1:], cells[0][1:], strict=True):
                read = sorted(place[source] for source in architecture.nodes[at].inputs)
                assert read == sorted(cells[0].index(source) for source in architecture.nodes[other].inputs)
    assert count >= least


def test_cells_that_read_the_two_before_them_are_none_of_these() -> None:
    space = get_space("darts")
    drawn = space.decode_batch(space.sample(4, np.random.default_rng(0))).architectures()
    assert not any(cells_of(one.canonical) for one in drawn)
