"""Morphisms drawn at random: within limits, the same by the same seed, of all kinds."""

from __future__ import annotations

import numpy as np

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture, Node
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
from presage.search.climbing.drawing import descendant, drawn
from presage.search.limits import Limits
from presage.search.shrinking.allowance import Allowance

SHAPE, CLASSES = (3, 8, 8), 4
SMALL = Architecture(
    (
        Node(Input()), Node(Convolution(4), (0,)), Node(BatchNorm(), (1,)), Node(Activation(), (2,)),
        Node(MaxPool(), (3,)), Node(Convolution(6), (4,)), Node(BatchNorm(), (5,)), Node(Activation(), (6,)),
        Node(AdaptiveAveragePool(), (7,)), Node(Flatten(), (8,)), Node(Classifier(), (9,)),
    )
)  # fmt: skip


def test_no_network_is_over_a_limit_and_the_room_there_is_is_used() -> None:
    allowance = Allowance(Limits(parameters=1500, multiply_adds=60_000), SHAPE, CLASSES)
    largest = 0
    for seed in range(12):
        graph, _ = descendant(SMALL, allowance, 10, np.random.default_rng(seed))
        found = costs(graph, SHAPE, CLASSES)
        assert found.parameters <= 1500
        assert found.multiply_adds <= 60_000
        largest = max(largest, found.parameters)
    assert largest > 1.5 * costs(SMALL, SHAPE, CLASSES).parameters


def test_every_kind_is_drawn_and_told_in_words() -> None:
    allowance = Allowance(Limits(), SHAPE, CLASSES)
    found = [drawn(SMALL, allowance, np.random.default_rng(seed)) for seed in range(40)]
    told = " ".join(one.how for one in found if one is not None)
    for words in ("widened from", "inserted after", "skip connection from", "branch ("):
        assert words in told


def test_a_seed_draws_the_same_and_follows_each_morphism() -> None:
    allowance = Allowance(Limits(), SHAPE, CLASSES)
    followed: list[str] = []
    graph, told = descendant(SMALL, allowance, 3, np.random.default_rng(5), lambda one: followed.append(one.how))
    again, _ = descendant(SMALL, allowance, 3, np.random.default_rng(5))
    other, _ = descendant(SMALL, allowance, 3, np.random.default_rng(6))
    assert graph == again != other
    assert tuple(followed) == told
    assert len(told) == 3


def test_without_room_there_is_no_morphism() -> None:
    own = costs(SMALL, SHAPE, CLASSES)
    allowance = Allowance(Limits(parameters=own.parameters), SHAPE, CLASSES)
    graph, told = descendant(SMALL, allowance, 3, np.random.default_rng(0))
    assert costs(graph, SHAPE, CLASSES).parameters <= own.parameters
    assert all("max_pool" in one or "average_pool" in one for one in told) or graph == SMALL
