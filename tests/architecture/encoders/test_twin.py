"""Scaled-down twins: repeats taken once, widths divided, and encoded like any network."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.batch.shapes import batch_shapes
from presage.architecture.encoders import cost_features, graph_features, layer_sequence, scaled_down
from presage.architecture.operations import Convolution
from presage.architecture.spaces import NB201, get_space

SHAPE = (3, 32, 32)


def cells(number: int, width: int, rows: int = 40) -> GraphBatch:
    """The same cells, stacked `number` times a stage."""
    space = NB201(cells=number, width=width)
    return space.decode_batch(space.sample(rows, np.random.default_rng(0)))


def test_more_and_wider_cells_have_the_twins_of_few_narrow_ones() -> None:
    large = graph_features(scaled_down(cells(5, 32), SHAPE), SHAPE)
    small = graph_features(scaled_down(cells(1, 8), SHAPE), SHAPE)
    same = np.isclose(large, small, rtol=1e-4, atol=1e-4).all(axis=1)
    assert same.mean() > 0.7  # some repeats are cut elsewhere
    apart = np.abs(large - small).mean(axis=1) / np.abs(small).mean(axis=1)
    assert np.median(apart) < 1e-6
    assert apart.max() < 0.1


def test_a_small_network_without_repeats_is_its_own_twin() -> None:
    space = get_space("darts:width=2")
    batch = space.decode_batch(space.sample(20, np.random.default_rng(0)))
    twin = scaled_down(batch, SHAPE)
    np.testing.assert_array_equal(twin.kind, batch.kind)
    np.testing.assert_array_equal(twin.attributes, batch.attributes)
    np.testing.assert_array_equal(graph_features(twin, SHAPE), graph_features(batch, SHAPE))


def test_widths_are_divided_by_what_makes_the_first_layer_eight_wide() -> None:
    batch = cells(1, 32)
    twin = scaled_down(batch, SHAPE)
    channels = batch_shapes(twin, SHAPE).channels
    np.testing.assert_array_equal(channels[twin.node_start[:-1]], 3)  # the image keeps its channels
    widths = {node.operation.channels for node in twin.architecture(0).nodes if isinstance(node.operation, Convolution)}
    assert widths == {8, 16, 32}


def test_depthwise_convolutions_stay_depthwise() -> None:
    space = get_space("mobile:width=32")
    batch = space.decode_batch(space.sample(20, np.random.default_rng(0)))
    from presage.architecture.encoders import GRAPH_FEATURE_NAMES

    column = GRAPH_FEATURE_NAMES.index("count.convolution_depthwise")
    before, after = graph_features(batch, SHAPE)[:, column], graph_features(scaled_down(batch, SHAPE), SHAPE)[:, column]
    assert (after > 0).all()
    assert (after <= before).all()


@pytest.mark.parametrize("name", ["chain", "enas_macro", "enas_micro", "blocks", "mobile", "darts"])
def test_every_space_has_twins_that_every_encoder_takes(name: str) -> None:
    space = get_space(name)
    batch = space.decode_batch(space.sample(300, np.random.default_rng(1)))  # more than one piece
    twin = scaled_down(batch, SHAPE)
    assert len(twin) == len(batch)
    for encoded in (graph_features(twin, SHAPE), cost_features(twin, SHAPE, 10), layer_sequence(twin, SHAPE, 10).nodes):
        assert np.isfinite(encoded).all()
    larger = cost_features(batch, SHAPE, 10) - cost_features(twin, SHAPE, 10)
    assert (larger[:, :2] > -1e-4).all()  # parameters and multiply-adds: no twin is larger


def test_a_graph_and_its_canonical_form_have_like_twins() -> None:
    batch = cells(3, 16)
    canonical = GraphBatch.of([one.canonical for one in batch.architectures()])
    one, other = (graph_features(scaled_down(some, SHAPE), SHAPE) for some in (batch, canonical))
    assert np.isclose(one, other, rtol=1e-3, atol=1e-3).all(axis=1).mean() > 0.6
