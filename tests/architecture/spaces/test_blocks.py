"""The `blocks` space keeps the contract; with standard blocks it is the wide residual network of its paper."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.costs import costs
from presage.architecture.spaces import Blocks, get_space
from presage.architecture.spaces.blocks import KINDS
from presage.architecture.testing import SpaceContract
from presage.errors import InvalidArgument


class TestBlocks(SpaceContract):
    space = Blocks()


class TestNarrowBlocks(SpaceContract):
    space = Blocks(blocks=3, width=8)


@pytest.mark.parametrize(
    ("blocks", "width", "parameters"),
    [(2, 16, 175_066), (2, 32, 691_674), (6, 32, 2_243_546), (4, 160, 36_479_194)],
    ids=["WRN-16-1", "WRN-16-2", "WRN-40-2", "WRN-28-10"],
)
def test_standard_blocks_make_the_published_networks(blocks: int, width: int, parameters: int) -> None:
    space = Blocks(blocks=blocks, width=width)
    network = space.decode(dict.fromkeys(space.columns, "S"))
    assert costs(network, (3, 32, 32), 10).parameters == parameters


WEIGHTS = {
    # convolutions and the normalisations between them, of a block of n channels
    "S": lambda n: 2 * 9 * n * n + 2 * n,
    "G(4)": lambda n: 2 * (9 * n * n // 4 + 2 * n + n * n) + 2 * n,
    "G(N)": lambda n: 2 * (9 * n + 2 * n + n * n) + 2 * n,
    "B(2)": lambda n: n * n // 2 + n + 9 * n * n // 4 + n + n * n // 2,
    "BG(2,4)": lambda n: n * n // 2 + n + 9 * n * n // 16 + n + n * n // 2,
    "BG(4,M)": lambda n: n * n // 4 + n // 2 + 9 * n // 4 + n // 2 + n * n // 4,
}


@pytest.mark.parametrize("kind", sorted(WEIGHTS))
def test_a_swapped_block_has_the_weights_counted_by_hand(kind: str) -> None:
    space = Blocks(blocks=2, width=16)
    standard = dict.fromkeys(space.columns, "S")
    before = costs(space.decode(standard), (3, 16, 16), 10)
    after = costs(space.decode({**standard, "stage2.block2": kind}), (3, 16, 16), 10)
    assert before.parameters - after.parameters == WEIGHTS["S"](32) - WEIGHTS[kind](32)
    # without the normalisations, each weight is used at each of 8 × 8 pixels
    normalised = {"S": 64, "G": 192}.get(kind[0], 64 if "(2" in kind else 32)
    weights = WEIGHTS["S"](32) - 64 - (WEIGHTS[kind](32) - normalised)
    assert before.multiply_adds - after.multiply_adds == 64 * weights


def test_the_block_that_halves_the_side_strides_once_whatever_its_kind() -> None:
    space = Blocks(blocks=1, width=8)
    for kind in KINDS:
        network = space.decode(dict.fromkeys(space.columns, kind))
        sides = [shape[1] for shape in network.shapes((3, 33, 33), 10) if len(shape) == 3]
        assert set(sides) == {33, 17, 9, 1}, kind


def test_every_kind_of_block_is_another_network() -> None:
    space = Blocks(blocks=1, width=16)
    standard = dict.fromkeys(space.columns, "S")
    hashes = {space.decode({**standard, "stage3.block1": kind}).hash for kind in KINDS}
    assert len(hashes) == len(KINDS)


def test_small_networks_fit_a_cpu() -> None:
    from presage.architecture.batch.costs import batch_costs

    space = get_space("blocks")
    batch = space.decode_batch(space.sample(300, np.random.default_rng(0)))
    assert (batch_costs(batch, (3, 16, 16), 10).multiply_adds < 4_000_000).mean() > 0.95


@pytest.mark.parametrize("arguments", [{"blocks": 0}, {"width": 12}, {"width": 0}])
def test_wrong_arguments_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(arguments))):
        Blocks(**arguments)
