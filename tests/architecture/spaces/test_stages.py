"""The `stages` space keeps the contract and decodes to the networks that its docstring describes."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.costs import costs
from presage.architecture.operations import Add, Convolution, MaxPool
from presage.architecture.spaces import Choice, Stages, get_space
from presage.architecture.testing import SpaceContract
from presage.errors import InvalidArgument


class TestStages(SpaceContract):
    space = Stages()


class TestLongStages(SpaceContract):
    space = Stages(stages=6, blocks=1)


VGG: dict[str, Choice] = {
    "stages": 3, "width": 16, "stem": "none", "down": "max_pool", "activation": "relu", "end.pool": "average",
    "end.dropout": 0,
    **{f"stage{stage}.block": "convolution" for stage in (1, 2, 3)},
    **{f"stage{stage}.depth": 2 for stage in (1, 2, 3)},
    **{f"stage{stage}.kernel": 3 for stage in (1, 2, 3)},
    **{f"stage{stage}.quarters": 8 for stage in (2, 3)},
}  # fmt: skip
SPACE = Stages(stages=3, blocks=3)


def convolution(before: int, after: int, kernel: int = 3, groups: int = 1) -> int:
    """Parameters, with those of the batch normalisation behind it."""
    return kernel * kernel * before // groups * after + 2 * after


def test_six_convolutions_pooled_twice_have_the_costs_counted_by_hand() -> None:
    counted = costs(SPACE.decode(VGG), (3, 32, 32), 2)
    widths = [(3, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64)]
    assert counted.parameters == sum(convolution(*each) for each in widths) + 65 * 2
    sides = (32, 32, 16, 16, 8, 8)
    assert counted.multiply_adds == 64 * 2 + sum(
        9 * before * after * side * side for (before, after), side in zip(widths, sides, strict=True)
    )


def test_every_block_has_the_weights_counted_by_hand() -> None:
    kinds = {
        "residual": convolution(3, 16) + convolution(16, 16) + convolution(3, 16, 1),
        "separable": convolution(3, 16, 1) + convolution(16, 16, 3, 16),
        "inverted": convolution(3, 24, 1) + convolution(24, 24, 3, 24) + convolution(24, 16, 1),
    }
    later = sum(convolution(*each) for each in ((16, 32), (32, 64)))
    for kind, first in kinds.items():
        params = {**VGG, "stage1.block": kind, **{f"stage{stage}.depth": 1 for stage in (1, 2, 3)}}
        assert costs(SPACE.decode(params), (3, 32, 32), 2).parameters == first + later + 65 * 2, kind


def test_a_residual_stage_adds_its_input_untouched_where_it_can() -> None:
    params = {**VGG, "stem": "convolution", "stage1.block": "residual", "stage1.depth": 3}
    operations = [node.operation for node in SPACE.decode(params).nodes]
    assert sum(operation.name == Add.name for operation in operations) == 3
    assert not any(operation.name == "convolution" and operation.kernel == (1, 1) for operation in operations)


@pytest.mark.parametrize(("stem", "halved"), [("none", 4), ("convolution", 4), ("strided", 8)])
@pytest.mark.parametrize("down", ["max_pool", "average_pool", "stride"])
def test_each_stage_halves_the_side(stem: str, down: str, halved: int) -> None:
    architecture = SPACE.decode({**VGG, "stem": stem, "down": down})
    sides = [shape[1] for shape in architecture.shapes((3, 33, 33), 2) if len(shape) == 3]
    assert min(side for side in sides if side > 1) == -(-33 // halved)
    pools = [node for node in architecture.nodes if node.operation.name == MaxPool.name]
    assert len(pools) == 2 * (down == "max_pool")
    strided = [node for node in architecture.nodes if node.operation.name == Convolution.name
               and node.operation.stride == (2, 2)]  # fmt: skip
    assert len(strided) == 2 * (down == "stride") + (stem == "strided")


def test_widths_are_multiples_of_four_and_no_stage_is_narrower_than_the_one_before() -> None:
    space = Stages()
    rng = np.random.default_rng(0)
    for architecture in space.decode_batch(space.sample(50, rng)).architectures():
        widths = [node.operation.channels for node in architecture.nodes
                  if node.operation.name == Convolution.name and node.operation.groups == 1]  # fmt: skip
        assert all(width % 4 == 0 for width in widths)
    width = get_space("stages:stages=3").decode({**VGG, "width": 12, "stage2.quarters": 6, "stage3.quarters": 6})
    assert sorted({node.operation.channels for node in width.nodes if node.operation.name == "convolution"}) == [
        12, 20, 32,
    ]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [("stages", 1), ("stages", 9), ("blocks", 0)])
def test_a_field_out_of_range_is_told(field: str, value: int) -> None:
    with pytest.raises(InvalidArgument, match=field):
        Stages(**{field: value})


@pytest.mark.parametrize("space", [Stages(), Stages(stages=2, blocks=1), Stages(stages=6)], ids=str)
def test_references_are_networks_of_the_space_each_larger_than_the_one_before(space: Stages) -> None:
    for kind in space.references:
        assert space.valid(kind).all()
        assert (space.normalise(kind) == kind).all()
        sizes = [costs(space.decode(space.params(code)), (3, 32, 32), 10).multiply_adds for code in kind]
        assert all(np.diff(sizes) > 0)
    hashes = [space.decode(space.params(code)).hash for kind in space.references for code in kind]
    assert len(set(hashes)) == len(hashes)


def test_the_networks_that_a_person_begins_with_are_references() -> None:
    found = {Stages().decode(Stages().params(code)).hash for kind in Stages().references for code in kind}
    assert SPACE.decode(VGG).hash in found
