"""The `mobile` space keeps the contract and decodes to the inverted bottlenecks of ProxylessNAS."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.costs import costs
from presage.architecture.operations import Add, Convolution
from presage.architecture.spaces import Choice, Mobile, get_space
from presage.architecture.testing import SpaceContract
from presage.errors import InvalidArgument


class TestMobile(SpaceContract):
    space = Mobile()


class TestLongMobile(SpaceContract):
    space = Mobile(stages=6, blocks=2, width=8, reductions=5)


def chosen(space: Mobile, expand: int, kernel: int, later: int | None = None) -> dict[str, Choice]:
    """The same expansion and kernel in every block; `later`: the expansion of all but the first of each stage."""
    return {
        name: kernel if name.endswith("kernel") else expand if later is None or ".block1." in name else later
        for name in space.columns
    }


def test_the_papers_network_for_phones_has_its_published_costs() -> None:
    space = Mobile(stages=6, blocks=4, width=32, reductions=5)
    # ProxylessNAS (mobile) as (kernel, expansion), 0 = skipped: 4,080,512 parameters, 320M multiply-adds
    published = (
        ((5, 3), (3, 3), (3, 0), (3, 0)),
        ((7, 3), (3, 3), (5, 3), (5, 3)),
        ((7, 6), (5, 3), (5, 3), (5, 3)),
        ((5, 6), (5, 3), (5, 3), (5, 3)),
        ((7, 6), (7, 6), (7, 3), (7, 3)),
        ((7, 6),),
    )
    params: dict[str, Choice] = {}
    for stage, blocks in enumerate(published, start=1):
        for block, (kernel, expand) in enumerate(blocks, start=1):
            params[f"stage{stage}.block{block}.kernel"] = kernel
            params[f"stage{stage}.block{block}.expand"] = expand
    counted = costs(space.decode(params), (3, 224, 224), 1000)
    assert counted.parameters == 4_080_512
    assert round(counted.multiply_adds / 1e6) == 320


def test_blocks_have_the_weights_counted_by_hand() -> None:
    space = Mobile(stages=2, blocks=2, width=32)
    counted = costs(space.decode(chosen(space, 6, 3)), (3, 32, 32), 10)

    def block(before: int, width: int, expand: int) -> int:
        inner = before * expand
        return (before * inner + 2 * inner) * (expand > 1) + 9 * inner + 2 * inner + inner * width + 2 * width

    blocks = [(32, 16, 1), (16, 32, 6), (32, 32, 6), (32, 40, 6), (40, 40, 6)]
    body = sum(block(before, width, expand) for before, width, expand in blocks)
    assert counted.parameters == 27 * 32 + 64 + body + 40 * 1280 + 2 * 1280 + 1281 * 10


def test_multiply_adds_of_one_block_counted_by_hand() -> None:
    space = Mobile(stages=1, blocks=2, width=32, reductions=1)
    first = costs(space.decode(chosen(space, 3, 5, later=0)), (3, 16, 16), 10).multiply_adds
    both = costs(space.decode(chosen(space, 3, 5)), (3, 16, 16), 10).multiply_adds
    assert both - first == 64 * (32 * 96 + 25 * 96 + 96 * 32)  # at a side of 8


def test_a_skipped_block_is_not_there_and_its_kernel_does_not_count() -> None:
    space = Mobile(stages=2, blocks=3, width=8)
    short, long = chosen(space, 6, 7, later=0), chosen(space, 6, 7)
    kinds = [sum(isinstance(node.operation, Add) for node in space.decode(params).nodes) for params in (short, long)]
    assert kinds == [0, 4]
    code = space.codes([short])
    inactive = {space.parameters[column].name for column in np.flatnonzero(~space.active(code)[0])}
    assert inactive == {f"stage{stage}.block{block}.kernel" for stage in (1, 2) for block in (2, 3)}


@pytest.mark.parametrize(
    ("reductions", "sides"), [(0, [32, 32, 32]), (1, [32, 32, 16]), (3, [16, 8, 4]), (4, [8, 4, 2]), (5, [8, 4, 2])]
)
def test_the_last_reductions_are_kept(reductions: int, sides: list[int]) -> None:
    space = Mobile(stages=3, blocks=1, width=8, reductions=reductions)
    architecture = space.decode(chosen(space, 3, 5))
    shapes = architecture.shapes((3, 32, 32), 10)
    strides = [
        shapes[i][1]
        for i, node in enumerate(architecture.nodes)
        if isinstance(node.operation, Convolution) and node.operation.kernel == (5, 5)
    ]
    assert strides == sides


def test_small_networks_fit_a_cpu() -> None:
    from presage.architecture.batch.costs import batch_costs

    space = get_space("mobile")
    batch = space.decode_batch(space.sample(300, np.random.default_rng(0)))
    assert batch_costs(batch, (3, 16, 16), 10).multiply_adds.max() < 4_000_000


@pytest.mark.parametrize("arguments", [{"stages": 7}, {"blocks": 0}, {"width": 1}, {"reductions": 6}])
def test_wrong_arguments_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(arguments))):
        Mobile(**arguments)


@pytest.mark.parametrize("space", [Mobile(), Mobile(stages=6, blocks=2, width=8, reductions=5)])
def test_a_relaxation_derives_each_network_from_its_own_path(space: Mobile) -> None:
    relaxation = space.relaxation
    codes = space.sample(100, np.random.default_rng(0))
    paths = relaxation.paths(codes)
    assert paths.shape == (100, len(relaxation.edges), 7)
    assert (paths.sum(axis=2) == 1).all()
    assert not (paths & ~relaxation.available).any()
    for code, path in zip(codes, paths, strict=True):
        assert np.array_equal(relaxation.derive(path.astype(float)), code)
    assert sum(relaxation.skips(codes[0]).values()) == paths[0, :, relaxation.skip].sum()
