"""Costs that are vouched for are those that whole numbers of any size give; of ordinary networks all are."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.batch.costs import batch_costs
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.costs import costs
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import (
    AdaptiveAveragePool,
    Classifier,
    Convolution,
    Flatten,
    Input,
    Linear,
    Operation,
)
from presage.architecture.spaces import SPACES, get_space
from presage.architecture.vetting.costs import costs_by_classes, has_small_numbers, sure_costs

LARGEST = 2**31 - 1


def chain(*operations: Operation) -> Architecture:
    every = (Input(), *operations, Classifier())
    return Architecture(tuple(Node(one, (at - 1,) if at else ()) for at, one in enumerate(every)))


WIDE = [
    ((3, 16, 16), chain(Convolution(2**30), Convolution(2**30, (4, 4), padding=(2, 2)), Flatten())),
    ((3, 16, 16), chain(Convolution(8, (65537, 1), padding=(LARGEST, 0), dilation=(65536, 1)), Flatten())),
    ((LARGEST, 1024, 1024), chain(Convolution(32767, (1023, 1023), padding=(511, 511)), Flatten())),
    ((LARGEST, 1024, 1024), chain(Flatten(), Linear(32767))),
    ((3, 1024, 1024), chain(*(Convolution(32767, padding=(32767, 32767)) for _ in range(200)), Flatten())),
]


@pytest.mark.parametrize(("image", "network"), WIDE)
def test_costs_beyond_64_bits_are_never_sure(image: tuple[int, int, int], network: Architecture) -> None:
    batch, classes = GraphBatch.of([network]), 10
    true = costs(network, image, classes)
    with np.errstate(over="ignore"):
        counted = batch_costs(batch, image, classes)
    found = tuple(int(getattr(counted, name)[0]) for name in ("parameters", "multiply_adds", "activation_bytes"))
    assert found != (true.parameters, true.multiply_adds, true.activation_bytes)  # else this tries nothing
    assert not has_small_numbers(batch)[0] or not sure_costs(batch, image, classes)[1][0]


def test_a_network_beside_one_that_is_too_wide_keeps_its_costs() -> None:
    plain, wide = chain(AdaptiveAveragePool(), Flatten()), chain(Convolution(32767, (999, 999)), Flatten())
    batch, image = GraphBatch.of([plain, wide, plain]), (LARGEST, 1000, 1000)
    assert has_small_numbers(batch).all()
    assert sure_costs(batch, image, 10)[1].tolist() == [False, False, False]  # the image itself is too large
    found, sure = sure_costs(batch, (3, 1000, 1000), 10)
    assert sure.tolist() == [True, True, True]
    assert [found.parameters[at] for at in range(3)] == [
        costs(one, (3, 1000, 1000), 10).parameters for one in (plain, wide, plain)
    ]


@pytest.mark.parametrize("space", SPACES)
def test_of_ordinary_networks_all_are_sure(space: str) -> None:
    found = get_space(space)
    batch = found.decode_batch(found.sample(20, np.random.default_rng(3)))
    assert has_small_numbers(batch).all()
    assert sure_costs(batch, (3, 224, 224), 1000)[1].all()


@pytest.mark.parametrize("space", SPACES)
def test_costs_of_any_number_of_classes_are_those_of_each(space: str) -> None:
    found = get_space(space)
    batch = found.decode_batch(found.sample(12, np.random.default_rng(4)))
    known = costs_by_classes(batch, (3, 64, 64), 100_000)
    rows, classes = (
        np.array([0, 5, 5, 11]),
        np.array([2, 10, 100_000, 1000]),
    )  # a classifier that is the most alive, too
    counted = known.of(rows, classes)
    for at, (row, k) in enumerate(zip(rows.tolist(), classes.tolist(), strict=True)):
        true = costs(batch.architecture(row), (3, 64, 64), k)
        told = [
            int(getattr(counted, name)[at]) for name in ("parameters", "multiply_adds", "activation_bytes", "depth")
        ]
        assert told == [true.parameters, true.multiply_adds, true.activation_bytes, true.depth]
