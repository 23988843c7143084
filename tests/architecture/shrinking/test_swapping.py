"""Cheaper blocks: those of the space `blocks`, which writes BlockSwap's networks by itself."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Activation, Classifier, Convolution, Flatten, Input
from presage.architecture.shrinking.swapping import STANDARD, substitutes, swapped, units
from presage.architecture.spaces import get_space
from presage.architecture.spaces.blocks import KINDS
from presage.errors import InvalidArchitecture

SHAPE = (3, 16, 16)
SPACE = get_space("blocks:blocks=2,width=16")


def network(*kinds: str) -> Architecture:
    return SPACE.decode(
        {parameter.name: kind for parameter, kind in zip(SPACE.parameters, kinds, strict=True)}
    ).canonical


@pytest.mark.parametrize("kind", KINDS)
def test_every_unit_swapped_is_the_network_of_such_blocks(kind: str) -> None:
    standard = network(*[STANDARD] * 6)
    parts = units(standard)
    assert [len(part.convolutions) for part in parts] == [2] * 6
    made = swapped(standard, dict.fromkeys(parts, kind), SHAPE, 10)
    assert made.hash == network(*[kind] * 6).hash


def test_units_are_swapped_each_by_itself() -> None:
    standard = network(*[STANDARD] * 6)
    kinds = list(np.random.default_rng(0).permutation(list(KINDS))[:6])
    made = swapped(standard, dict(zip(units(standard), kinds, strict=True)), SHAPE, 10)
    assert made.hash == network(*kinds).hash
    assert made.shapes(SHAPE, 10)[-1] == (10,)


def test_single_convolutions_are_units_of_their_own_and_the_stem_is_none() -> None:
    nodes = (
        Node(Input()),
        Node(Convolution(8), (0,)),
        Node(Activation(), (1,)),
        Node(Convolution(12, (5, 5), padding=(2, 2), bias=True), (2,)),
        Node(Flatten(), (3,)),
        Node(Classifier(), (4,)),
    )
    architecture = Architecture(nodes)
    (part,) = units(architecture)
    assert part.convolutions == (3,)
    offered = substitutes(architecture, part, SHAPE, 10)
    assert offered == ("G(2)", "G(4)", "G(8)", "G(N)", "B(2)", "B(4)", "BG(2,2)", "BG(2,M)", "BG(4,M)")  # 6 % 4 > 0
    for kind in offered:
        made = swapped(architecture, {part: kind}, SHAPE, 10)
        assert made.shapes(SHAPE, 10)[-1] == (10,)
        assert costs(made, SHAPE, 10).multiply_adds < costs(architecture, SHAPE, 10).multiply_adds


def test_a_bottleneck_narrower_than_a_channel_is_refused() -> None:
    operations = (Convolution(2), Convolution(2), Flatten(), Classifier())
    nodes = (Node(Input()), *(Node(one, (at,)) for at, one in enumerate(operations)))
    architecture = Architecture(nodes)
    (part,) = units(architecture)
    with pytest.raises(InvalidArchitecture, match=r"cannot be 4 times as narrow"):
        swapped(architecture, {part: "B(4)"}, SHAPE, 10)
    assert "B(4)" not in substitutes(architecture, part, SHAPE, 10)
