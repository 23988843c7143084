"""Fewer channels: every choice of them gives a network that takes and gives the same shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import (
    Add,
    BatchNorm,
    Classifier,
    Convolution,
    Flatten,
    GroupNorm,
    Input,
    Slice,
)
from presage.architecture.shrinking.channels import channels_of
from presage.architecture.shrinking.narrowing import narrowed, widths_kept
from presage.architecture.spaces import get_space
from presage.errors import InvalidArchitecture


@pytest.mark.parametrize("seed", range(40))
def test_any_choice_of_channels_is_a_network(random_architecture: Callable[[int], Architecture], seed: int) -> None:
    architecture, shape = random_architecture(seed), (4, 8, 8)
    channels, rng = channels_of(architecture, shape, 5), np.random.default_rng(seed)
    kept = rng.random(len(channels.fixed)) < 0.5
    for pool in channels.pools:
        kept[rng.choice(pool.numbers)] = True
    small = narrowed(architecture, channels, kept)
    before, after = architecture.shapes(shape, 5), small.shapes(shape, 5)
    assert before[0] == after[0]
    assert before[-1] == after[-1]
    for made, left, layout in zip(before, after, channels.layouts, strict=True):
        assert left[0] == np.count_nonzero((kept | channels.fixed)[layout])
        assert left[1:] == made[1:] or len(made) == 1
    assert costs(small, shape, 5).parameters <= costs(architecture, shape, 5).parameters


def test_every_operation_is_narrowed(everything: Architecture) -> None:
    shape = (3, 20, 20)
    channels = channels_of(everything, shape, 4)
    small = narrowed(everything, channels, widths_kept(channels, [1] * len(channels.pools)))
    assert costs(small, shape, 4).parameters < costs(everything, shape, 4).parameters


@pytest.mark.parametrize("name", ["mobile", "enas_macro", "nasnet", "stages", "darts", "blocks"])
def test_half_the_widths_are_about_a_quarter_of_the_work(name: str) -> None:
    space, shape = get_space(name), (3, 16, 16)
    for code in space.sample(5, np.random.default_rng(0)):
        architecture = space.decode(space.params(code)).canonical
        channels = channels_of(architecture, shape, 10)
        half = [(len(pool.numbers) + 1) // 2 for pool in channels.pools]
        small = costs(narrowed(architecture, channels, widths_kept(channels, half)), shape, 10)
        share = small.multiply_adds / costs(architecture, shape, 10).multiply_adds
        assert 0.2 < share < 0.55  # a half of a depthwise convolution's, and of the first layer's


def test_all_widths_kept_are_the_network_itself(random_architecture: Callable[[int], Architecture]) -> None:
    architecture = random_architecture(3)
    channels = channels_of(architecture, (4, 8, 8), 5)
    everyone = widths_kept(channels, [len(pool.numbers) for pool in channels.pools])
    assert narrowed(architecture, channels, everyone) == architecture


def test_operations_say_what_is_left() -> None:
    nodes = (
        Node(Input()),
        Node(Convolution(8, bias=True), (0,)),
        Node(GroupNorm(4), (1,)),
        Node(Slice(2, 6), (2,)),
        Node(Convolution(4, groups=4), (3,)),
        Node(BatchNorm(), (4,)),
        Node(Add(), (3, 5)),
        Node(Flatten(), (6,)),
        Node(Classifier(), (7,)),
    )
    architecture = Architecture(nodes)
    channels = channels_of(architecture, (1, 3, 3), 2)
    kept = np.ones(len(channels.fixed), np.bool_)
    kept[channels.layouts[1][4]] = False  # its group of two, and so one of the middle two of four
    operations = [node.operation for node in narrowed(architecture, channels, kept).nodes]
    assert operations[1:5] == [Convolution(6, bias=True), GroupNorm(3), Slice(2, 4), Convolution(2, groups=2)]


def test_a_tensor_without_channels_is_refused() -> None:
    architecture = Architecture(
        (Node(Input()), Node(Convolution(4), (0,)), Node(Flatten(), (1,)), Node(Classifier(), (2,)))
    )
    channels = channels_of(architecture, (1, 3, 3), 2)
    with pytest.raises(InvalidArchitecture, match=r"^Node 1 \(`convolution`\) would be left without channels\.$"):
        narrowed(architecture, channels, np.zeros(len(channels.fixed), np.bool_))
