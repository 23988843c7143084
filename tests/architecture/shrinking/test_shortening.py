"""Fewer blocks: what is left is the network of those that stay."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.graph import Architecture, Node
from presage.architecture.operation import Operation
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
    Input,
    MaxPool,
)
from presage.architecture.shrinking.shortening import removable, shortened
from presage.architecture.spaces import get_space

SHAPE = (3, 16, 16)


def plain(*widths: int | None) -> Architecture:
    """Convolutions of these widths, each normalised and activated; None halves the map."""
    operations: list[Operation] = []
    for width in widths:
        operations += [MaxPool()] if width is None else [Convolution(width), BatchNorm(), Activation()]
    operations += [AdaptiveAveragePool(), Flatten(), Classifier()]
    return Architecture((Node(Input()), *(Node(one, (at,)) for at, one in enumerate(operations))))


def residual(depths: tuple[int, ...]) -> Architecture:
    """A residual network of the space `stages`, of so many blocks a stage."""
    space = get_space("stages:blocks=4")
    params = {name.name: name.choices[0] for name in space.parameters}
    params |= {"stages": len(depths), "stem": "convolution", "down": "stride"}
    for stage, depth in enumerate(depths, start=1):
        params |= {f"stage{stage}.block": "residual", f"stage{stage}.depth": depth}
    return space.decode(params).canonical


def test_repeated_convolutions_of_a_plain_network_can_go() -> None:
    architecture = plain(8, 8, 8, None, 16, 16)
    blocks = removable(architecture, SHAPE, 10)
    assert [(block.side, block.layers) for block in blocks] == [(16, 1), (16, 1), (8, 1)]
    assert shortened(architecture, blocks).hash == plain(8, None, 16).hash
    assert shortened(architecture, blocks[1:2]).hash == plain(8, 8, None, 16, 16).hash


@pytest.mark.parametrize(
    ("gone", "depths"), [([], (3, 2)), ([0], (2, 2)), ([1], (2, 2)), ([3], (3, 1)), ([0, 2, 3], (1, 1))]
)
def test_blocks_of_a_residual_network_can_go(gone: list[int], depths: tuple[int, ...]) -> None:
    architecture = residual((3, 2))
    blocks = removable(architecture, SHAPE, 10)
    assert [(block.side, block.layers) for block in blocks] == [(16, 2)] * 3 + [(8, 2)]
    assert shortened(architecture, [blocks[at] for at in gone]).hash == residual(depths).hash


def test_what_changes_a_shape_stays() -> None:
    assert removable(plain(8, 16, None, 32), SHAPE, 10) == ()


@pytest.mark.parametrize("name", ["mobile", "stages", "blocks", "chain"])
def test_the_network_without_all_of_them_takes_and_gives_the_same_shapes(name: str) -> None:
    space = get_space(name)
    found = 0
    for code in space.sample(10, np.random.default_rng(0)):
        architecture = space.decode(space.params(code)).canonical
        blocks = removable(architecture, SHAPE, 10)
        found += len(blocks)
        small = shortened(architecture, blocks)
        assert small.shapes(SHAPE, 10)[-1] == (10,)
        assert sum(node.operation.weighted for node in small.nodes) <= sum(
            node.operation.weighted for node in architecture.nodes
        ) - sum(block.layers for block in blocks)
    assert found
