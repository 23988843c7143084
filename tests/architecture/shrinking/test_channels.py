"""Which channels are tied, on graphs small enough to say it by hand."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.graph import Architecture, Node
from presage.architecture.operation import Operation
from presage.architecture.operations import (
    Add,
    BatchNorm,
    ChannelShuffle,
    Classifier,
    Concatenate,
    Convolution,
    Flatten,
    GroupNorm,
    Input,
    Linear,
    Multiply,
    PixelShuffle,
    Slice,
)
from presage.architecture.shrinking.channels import Channels, channels_of

SHAPE, CLASSES = (3, 4, 4), 5


def channels(*nodes: tuple[Operation, tuple[int, ...]]) -> Channels:
    """Of a network of these nodes after the image, flattened and classified."""
    body = [Node(Input()), *(Node(*node) for node in nodes)]
    body += [Node(Flatten(), (len(body) - 1,)), Node(Classifier(), (len(body),))]
    return channels_of(Architecture(tuple(body)), SHAPE, CLASSES)


def widths(found: Channels) -> dict[tuple[int, ...], int]:
    return {pool.makers: len(pool.numbers) for pool in found.pools}


def test_a_convolution_makes_channels_that_live_on_to_the_classifier() -> None:
    found = channels((Convolution(4), (0,)), (BatchNorm(), (1,)))
    assert widths(found) == {(1,): 4}
    assert np.array_equal(found.layouts[1], found.layouts[2])
    assert np.array_equal(found.layouts[3], np.repeat(found.layouts[1], 16))  # 4 × 4 pixels of each
    assert found.pools[0].side == 4


def test_channels_of_the_image_stay_and_so_does_what_is_added_to_them() -> None:
    found = channels((Convolution(3), (0,)), (Add(), (0, 1)))
    assert found.pools == ()
    assert found.fixed[found.layouts[1]].all()


def test_a_sum_ties_its_terms() -> None:
    found = channels((Convolution(6), (0,)), (Convolution(6), (1,)), (Add(), (1, 2)))
    assert widths(found) == {(1, 2): 6}
    assert np.array_equal(found.layouts[1], found.layouts[2])


def test_a_gate_of_one_channel_ties_nothing() -> None:
    found = channels((Convolution(6), (0,)), (Convolution(1), (1,)), (Multiply(), (1, 2)))
    assert widths(found) == {(1,): 6, (2,): 1}
    assert np.array_equal(found.layouts[3], found.layouts[1])


@pytest.mark.parametrize("times", [1, 2])
def test_a_depthwise_convolution_ties_what_it_makes_to_what_it_reads(times: int) -> None:
    found = channels((Convolution(4), (0,)), (Convolution(4 * times, groups=4), (1,)))
    assert widths(found) == {(1, 2): 4}
    assert np.array_equal(found.layouts[2], np.repeat(found.layouts[1], times))
    assert found.by_groups == {2: True}


def test_of_few_groups_as_many_channels_go_of_each() -> None:
    found = channels((Convolution(8), (0,)), (Convolution(12, groups=2), (1,)))
    assert widths(found) == {(1,): 4, (2,): 6}
    assert np.array_equal(found.layouts[1][:4], found.layouts[1][4:])
    assert found.by_groups == {2: False}


def test_of_many_groups_whole_ones_go() -> None:
    found = channels((Convolution(8), (0,)), (GroupNorm(4), (1,)))
    assert widths(found) == {(1,): 4}
    assert np.array_equal(found.layouts[1][::2], found.layouts[1][1::2])
    assert found.by_groups == {2: True}


def test_parts_put_together_and_taken_apart_keep_their_numbers() -> None:
    found = channels(
        (Convolution(4), (0,)), (Convolution(2), (0,)), (Concatenate(), (1, 2)), (Slice(3, 5), (3,)), (Add(), (4, 2))
    )
    first, second = found.layouts[1].tolist(), found.layouts[2].tolist()
    # the sum adds the last of the first and the first of the second to both of the second: all three are one
    assert found.layouts[3].tolist() == first + second
    assert {first[3], *second} == {first[3]}
    assert widths(found) == {(1,): 3, (1, 2): 1}


def test_a_shuffle_takes_channels_at_the_same_places_of_its_groups_together() -> None:
    found = channels((Convolution(6), (0,)), (ChannelShuffle(2), (1,)))
    a, b, c = found.layouts[1][:3].tolist()
    assert found.layouts[1].tolist() == [a, b, c, a, b, c]
    assert found.layouts[2].tolist() == [a, a, b, b, c, c]


def test_a_pixel_shuffle_takes_all_that_makes_one_channel_together() -> None:
    found = channels((Convolution(8), (0,)), (PixelShuffle(2), (1,)))
    assert widths(found) == {(1,): 2}
    assert len(found.layouts[2]) == 2


def test_features_of_linear_layers_are_channels_too() -> None:
    nodes = (Node(Input()), Node(Flatten(), (0,)), Node(Linear(7), (1,)), Node(Classifier(), (2,)))
    found = channels_of(Architecture(nodes), SHAPE, CLASSES)
    assert widths(found) == {(2,): 7}
    assert found.pools[0].side == 1
