"""The `enas_macro` space keeps the contract and decodes to the layers and skip connections of its paper."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from presage.architecture.costs import costs
from presage.architecture.operations import Add, AveragePool, BatchNorm, Convolution, MaxPool
from presage.architecture.spaces import Choice, EnasMacro, get_space
from presage.architecture.testing import SpaceContract
from presage.errors import InvalidArgument


class TestEnasMacro(SpaceContract):
    space = EnasMacro()


class TestDeepEnasMacro(SpaceContract):
    space = EnasMacro(layers=12, width=4)


class TestOneLayer(SpaceContract):
    space = EnasMacro(layers=1)


def chosen(space: EnasMacro, operation: str, *skips: str) -> dict[str, Choice]:
    """The same operation in every layer, and these skip connections."""
    return {
        parameter.name: operation if parameter.name.endswith("operation") else int(parameter.name in skips)
        for parameter in space.parameters
    }


def test_the_space_is_as_large_as_the_paper_says() -> None:
    sizes = EnasMacro(layers=12).sizes
    # 6^12 · 2^66 = 1.6e29 networks (arXiv 1802.03268, section 2.3)
    assert Counter(sizes.tolist()) == {6: 12, 2: 66}
    assert 1.5e29 < np.prod(sizes.astype(float)) < 1.7e29


@pytest.mark.parametrize(
    ("operation", "weights"),
    [
        ("conv_3x3", lambda c: 9 * c * c + 2 * c),
        ("conv_5x5", lambda c: 25 * c * c + 2 * c),
        ("sep_conv_3x3", lambda c: 9 * c + c * c + 2 * c),
        ("sep_conv_5x5", lambda c: 25 * c + c * c + 2 * c),
        ("avg_pool_3x3", lambda c: 0),
        ("max_pool_3x3", lambda c: 0),
    ],
)
def test_layers_have_the_weights_counted_by_hand(operation: str, weights) -> None:  # type: ignore[no-untyped-def]
    space = EnasMacro(layers=3, width=8)
    counted = costs(space.decode(chosen(space, operation)), (3, 16, 16), 10)
    stem = 27 * 8 + 16
    layers = sum(c * c + 2 * c + weights(c) for c in (8, 16, 32))  # each begins with a normalised 1×1 convolution
    reductions = 8 * 16 + 32 + 16 * 32 + 64
    assert counted.parameters == stem + layers + reductions + 33 * 10


def test_multiply_adds_of_a_small_network_counted_by_hand() -> None:
    space = EnasMacro(layers=3, width=8)
    counted = costs(space.decode(chosen(space, "sep_conv_5x5")), (3, 16, 16), 10)
    stem = 256 * 27 * 8
    layers = sum(pixels * (c * c + 25 * c + c * c) for pixels, c in ((256, 8), (64, 16), (16, 32)))
    assert counted.multiply_adds == stem + layers + 64 * 8 * 16 + 16 * 16 * 32 + 320


def test_skips_add_earlier_outputs_and_normalise() -> None:
    space = EnasMacro(layers=6, width=4)
    plain = space.decode(chosen(space, "max_pool_3x3"))
    skipped = space.decode(chosen(space, "max_pool_3x3", "layer2.skip0"))
    sums = [node for node in skipped.nodes if isinstance(node.operation, Add)]
    assert not [node for node in plain.nodes if isinstance(node.operation, Add)]
    assert len(sums) == 1
    stem = next(i for i, node in enumerate(skipped.nodes) if isinstance(node.operation, BatchNorm))
    body, other = sums[0].inputs
    assert isinstance(skipped.nodes[body].operation, MaxPool)
    assert other == stem
    assert len(skipped.nodes) == len(plain.nodes) + 2


def test_an_earlier_layer_is_reduced_once_per_size_and_only_if_it_is_read() -> None:
    space = EnasMacro(layers=6, width=4)

    def reductions(*skips: str) -> int:
        nodes = space.decode(chosen(space, "max_pool_3x3", *skips)).nodes
        return sum(isinstance(node.operation, AveragePool) for node in nodes)

    assert reductions() == 2
    assert reductions("layer2.skip0") == 2  # at the first size: nothing to reduce
    assert reductions("layer3.skip0", "layer4.skip0") == 3  # the stem, for both readers of the second size
    assert reductions("layer5.skip0") == 4  # the stem, twice
    assert reductions("layer3.skip0", "layer5.skip0", "layer6.skip0", "layer5.skip1") == 6
    shapes = space.decode(chosen(space, "conv_3x3", "layer5.skip0")).shapes((3, 16, 16), 10)
    assert {shape[1:] for shape in shapes if len(shape) == 3} == {(16, 16), (8, 8), (4, 4), (1, 1)}


def test_the_width_doubles_where_the_side_is_halved() -> None:
    space = EnasMacro(layers=7, width=4)
    assert [space.stage(layer) for layer in range(8)] == [0, 0, 0, 1, 1, 2, 2, 2]
    nodes = space.decode(chosen(space, "conv_5x5")).nodes
    widths = [node.operation.channels for node in nodes if isinstance(node.operation, Convolution)]
    assert widths == [4, *[4] * 4, 8, *[8] * 4, 16, *[16] * 6]


def test_skip_parameters_say_where_each_skip_leads() -> None:
    space = EnasMacro(layers=4)
    found = {space.parameters[column].name: (source, layer) for column, source, layer in space.skip_parameters}
    assert found == {
        f"layer{layer}.skip{source}": (source, layer) for layer in range(1, 5) for source in range(layer - 1)
    }
    assert len(found) == 6


def test_small_networks_fit_a_cpu() -> None:
    from presage.architecture.batch.costs import batch_costs

    space = get_space("enas_macro")
    batch = space.decode_batch(space.sample(300, np.random.default_rng(0)))
    assert batch_costs(batch, (3, 16, 16), 10).multiply_adds.max() < 4_000_000


@pytest.mark.parametrize("arguments", [{"layers": 0}, {"layers": 51}, {"width": 0}])
def test_wrong_arguments_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(arguments))):
        EnasMacro(**arguments)
