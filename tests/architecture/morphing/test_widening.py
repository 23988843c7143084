"""Copies of channels in graphs small enough to say it by hand."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.graph import Architecture, Node
from presage.architecture.morphing.copying import repeated
from presage.architecture.morphing.widening import copies_for, widen
from presage.architecture.operation import Operation
from presage.architecture.operations import (
    Activation,
    Add,
    ChannelConvolution,
    ChannelNorm,
    ChannelPool,
    Classifier,
    Concatenate,
    Convolution,
    Flatten,
    GroupNorm,
    Input,
    Linear,
    LocalResponseNorm,
    PixelShuffle,
    Slice,
)
from presage.architecture.shrinking.channels import channels_of
from presage.errors import InvalidArchitecture, InvalidArgument

SHAPE, CLASSES = (3, 4, 4), 5


def network(*nodes: tuple[Operation, tuple[int, ...]]) -> Architecture:
    """Of these nodes after the image, flattened and classified."""
    body = [Node(Input()), *(Node(*node) for node in nodes)]
    body += [Node(Flatten(), (len(body) - 1,)), Node(Classifier(), (len(body),))]
    return Architecture(tuple(body))


def test_neighbours_of_one_number_are_copied_together() -> None:
    copies = np.array([1, 2, 1], np.int64)
    assert repeated(np.array([0, 1, 2]), copies).tolist() == [0, 1, 1, 2]
    assert repeated(np.array([0, 0, 1, 1]), copies).tolist() == [0, 1, 2, 3, 2, 3]


def test_copies_are_as_even_as_they_can_be() -> None:
    pool = channels_of(network((Convolution(4), (0,))), SHAPE, CLASSES).pools[0]
    rng = np.random.default_rng(0)
    assert copies_for(pool, 8, rng).tolist() == [2, 2, 2, 2]
    assert sorted(copies_for(pool, 6, rng).tolist()) == [1, 1, 2, 2]
    with pytest.raises(InvalidArgument, match="be at least the 4 that there are"):
        copies_for(pool, 3, rng)


def test_a_convolution_becomes_wider_and_the_pixels_behind_it_follow() -> None:
    found = widen(network((Convolution(2), (0,))), SHAPE, CLASSES, 0, [1, 2])
    assert found.architecture.shapes(SHAPE, CLASSES)[1] == (3, 4, 4)
    assert found.sources is not None
    assert found.sources[1].tolist() == [0, 1, 1]
    assert found.sources[2].tolist() == [*range(16), *range(16, 32), *range(16, 32)]
    assert found.how == "`convolution` 1 widened from 2 to 3"


def test_what_a_sum_ties_is_copied_alike() -> None:
    found = widen(network((Convolution(2), (0,)), (Convolution(2), (1,)), (Add(), (1, 2))), SHAPE, CLASSES, 0, [2, 1])
    assert found.sources is not None
    assert found.sources[1].tolist() == found.sources[2].tolist() == found.sources[3].tolist() == [0, 0, 1]


def test_a_depthwise_convolution_and_whole_groups_follow() -> None:
    own = network((Convolution(2), (0,)), (Convolution(4, groups=2), (1,)), (GroupNorm(2), (2,)))
    found = widen(own, SHAPE, CLASSES, 0, [3, 1])
    grouped, norm = found.architecture.nodes[2].operation, found.architecture.nodes[3].operation
    assert isinstance(grouped, Convolution)
    assert (grouped.channels, grouped.groups) == (8, 4)
    assert norm == GroupNorm(4)
    assert found.sources is not None
    assert found.sources[2].tolist() == [0, 1, 0, 1, 0, 1, 2, 3]


def test_slices_and_concatenations_move() -> None:
    own = network((Convolution(2), (0,)), (Convolution(3), (0,)), (Concatenate(), (1, 2)), (Slice(1, 4), (3,)))
    channels = channels_of(own, SHAPE, CLASSES)
    pool = next(at for at, one in enumerate(channels.pools) if one.makers == (1,))
    found = widen(own, SHAPE, CLASSES, pool, [1, 3])
    assert found.architecture.nodes[4].operation == Slice(1, 6)
    assert found.sources is not None
    assert found.sources[3].tolist() == [0, 1, 1, 1, 2, 3, 4]
    assert found.sources[4].tolist() == [0, 0, 0, 1, 2]


def test_squares_of_pixels_are_copied_whole() -> None:
    found = widen(network((Convolution(8), (0,)), (PixelShuffle(2), (1,))), SHAPE, CLASSES, 0, [2, 1])
    assert found.architecture.shapes(SHAPE, CLASSES)[2] == (3, 8, 8)
    assert found.sources is not None
    assert found.sources[2].tolist() == [0, 0, 1]


def test_means_over_channels_need_equally_many_copies_of_each() -> None:
    for operation in (ChannelNorm(), GroupNorm(1), ChannelPool()):
        own = network((Convolution(2), (0,)), (operation, (1,)))
        assert widen(own, SHAPE, CLASSES, 0, [2, 2]).architecture.shapes(SHAPE, CLASSES)[1] == (4, 4, 4)
        with pytest.raises(InvalidArchitecture, match=rf"Node 2 \(`{operation.name}`\) needs as many copies"):
            widen(own, SHAPE, CLASSES, 0, [2, 1])


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (LocalResponseNorm(3), "mixes channels"),
        (ChannelConvolution(3), "mixes channels"),
        (Activation("softmax"), "mixes channels"),
        (Convolution(2, standardised=True), "makes its kernels of all that it reads"),
        (Convolution(2, spectral=True), "makes its kernels of all that it reads"),
    ],
)
def test_what_copies_would_change_is_refused_by_name(operation: Operation, why: str) -> None:
    own = network((Convolution(2), (0,)), (operation, (1,)))
    with pytest.raises(InvalidArchitecture, match=rf"Node 2 \(`{operation.name}`\) {why}"):
        widen(own, SHAPE, CLASSES, 0, [2, 2])


def test_wrong_requests_are_refused() -> None:
    own = network((Convolution(2), (0,)), (Flatten(), (1,)), (Linear(3), (2,)))
    with pytest.raises(InvalidArgument, match="be a place among 2"):
        widen(own, SHAPE, CLASSES, 2, [1])
    for copies in ([1], [0, 1], [1, 1, 1]):
        with pytest.raises(InvalidArgument, match="be 2 numbers of at least 1"):
            widen(own, SHAPE, CLASSES, 0, copies)
