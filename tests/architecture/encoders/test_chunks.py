"""How a batch is cut for encoding, and that it is encoded as its parts."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.encoders import (
    COST_FEATURE_NAMES,
    GRAPH_FEATURE_NAMES,
    LAYER_FEATURE_NAMES,
    cost_features,
    graph_features,
    layer_sequence,
)
from presage.architecture.encoders.chunks import CHUNK, FEW, chunks
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Classifier, Convolution, Flatten, Input
from presage.architecture.spaces import get_space
from presage.errors import InvalidArchitecture

SHAPE = (3, 16, 16)


def sampled(n: int) -> GraphBatch:
    space = get_space("nb201:cells=1,width=4")
    return space.decode_batch(space.sample(n, np.random.default_rng(0)))


def test_a_few_architectures_stay_one_piece() -> None:
    batch = sampled(FEW)
    assert list(chunks(batch)) == [batch]


@pytest.mark.parametrize(("cores", "number"), [(1, 3), (2, 4), (8, 3)])
def test_cores_take_pieces_in_whole_rounds(cores: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    batch = sampled(2 * CHUNK + 1)
    pieces = chunks(batch)
    assert len(pieces) == number
    assert max(map(len, pieces)) <= CHUNK
    whole = GraphBatch.concatenate(pieces)
    np.testing.assert_array_equal(whole.attributes, batch.attributes)
    np.testing.assert_array_equal(whole.edge_source, batch.edge_source)
    assert chunks(batch) is pieces  # kept


def test_large_graphs_are_cut_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presage.architecture.encoders.chunks.NODES", 10_000)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    batch = sampled(CHUNK)
    assert len(chunks(batch)) == round(len(batch.kind) / 10_000) > 2


def test_a_long_batch_is_encoded_as_its_parts() -> None:
    space = get_space("chain:layers=3")
    batch = space.decode_batch(space.sample(CHUNK + 5, np.random.default_rng(8)))
    some = batch.take([CHUNK + 1, 3])
    np.testing.assert_array_equal(graph_features(batch, SHAPE)[[CHUNK + 1, 3]], graph_features(some, SHAPE))
    np.testing.assert_array_equal(cost_features(batch, SHAPE, 4)[[CHUNK + 1, 3]], cost_features(some, SHAPE, 4))
    whole, part = layer_sequence(batch, SHAPE, 4), layer_sequence(some, SHAPE, 4)
    t = part.values.shape[1]
    np.testing.assert_array_equal(whole.values[[CHUNK + 1, 3], :t], part.values)
    np.testing.assert_array_equal(whole.nodes[[CHUNK + 1, 3], :t], part.nodes)


def test_no_architectures_give_no_rows() -> None:
    empty = GraphBatch.of([])
    assert graph_features(empty, SHAPE).shape == (0, len(GRAPH_FEATURE_NAMES))
    assert cost_features(empty, SHAPE, 3).shape == (0, len(COST_FEATURE_NAMES))
    assert layer_sequence(empty, SHAPE, 3).values.shape == (0, 0, len(LAYER_FEATURE_NAMES))


def test_images_that_are_too_small_are_refused() -> None:
    architecture = Architecture(
        (Node(Input()), Node(Convolution(4, (9, 9)), (0,)), Node(Flatten(), (1,)), Node(Classifier(), (2,)))
    )
    with pytest.raises(InvalidArchitecture, match=r"Architecture 0: Node 1: .* leaves no pixels"):
        graph_features(GraphBatch.of([architecture]), (3, 4, 4))


def test_in_a_long_batch_the_one_refused_is_named_by_its_place() -> None:
    small = Architecture((Node(Input()), Node(Flatten(), (0,)), Node(Classifier(), (1,))))
    large = Architecture(
        (
            Node(Input()),
            Node(Convolution(4, (5, 5), padding=(0, 0)), (0,)),
            Node(Flatten(), (1,)),
            Node(Classifier(), (2,)),
        )
    )
    batch = GraphBatch.of([*[small] * 300, large, *[small] * 99])
    for encode in (graph_features, partial(cost_features, classes=2), partial(layer_sequence, classes=2)):
        with pytest.raises(InvalidArchitecture, match="Architecture 300"):
            encode(batch, (1, 3, 3))
