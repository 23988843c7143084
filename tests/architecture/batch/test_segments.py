"""Segments: where graphs are cut, and recurrences over them against the same node by node."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.batch.segments import IMAGE, NOTHING, Segments, added, larger, segments_of
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Activation, Add, Classifier, Convolution, Flatten, Input
from presage.architecture.spaces import get_space

BRANCHED = Architecture(
    (
        Node(Input()),
        Node(Convolution(4), (0,)),
        Node(Activation(), (1,)),
        Node(Convolution(4), (2,)),
        Node(Activation(), (3,)),
        Node(Add(), (4, 2)),
        Node(Flatten(), (5,)),
        Node(Classifier(), (6,)),
    )
)


def test_a_segment_ends_where_its_value_is_read_elsewhere_and_where_branches_meet() -> None:
    segments = segments_of(GraphBatch.of([BRANCHED, BRANCHED]))
    assert segments.start.tolist() == [0, 3, 5, 8, 11, 13]
    # step by step: the first segments of both graphs, the second, the third
    assert segments.place.tolist() == [2, 4, 6, 3, 5, 7]
    assert segments.of[:8].tolist() == [2, 2, 2, 4, 4, 6, 6, 6]


def test_within_segments_nodes_are_summed_and_compared() -> None:
    segments = segments_of(GraphBatch.of([BRANCHED]))
    marked = np.array([0, 1, 0, 0, 0, 0, 1, 0], np.bool_)
    assert segments.latest(marked).tolist() == [0, 1, 1, 3, 3, 5, 6, 6]
    assert segments.running(np.arange(8)).tolist() == [0, 1, 3, 3, 7, 5, 11, 18]
    assert segments.given(np.arange(8)).tolist() == [0, 0, 2, 4, 7]
    assert segments.least(np.array([3, 1, 2, 9, 8, 7, 5, 6])).tolist() == [1, 1, 1, 8, 5]
    assert segments.order_within(np.array([1, 2, 4, 6])).tolist() == [0, 1, 0, 0]


def test_nodes_are_told_apart_by_their_rank_in_their_segment() -> None:
    first, second = segments_of(GraphBatch.of([BRANCHED])).layers(np.array([1, 2, 4, 6]))
    assert (first.which.tolist(), first.places.tolist()) == ([0, 2, 3], [2, 3, 4])
    assert first.cuts == {2: slice(0, 1), 3: slice(1, 2), 4: slice(2, 3)}
    assert (second.which.tolist(), second.places.tolist()) == ([1], [2])
    assert second.cuts == {2: slice(0, 1), 3: slice(1, 1), 4: slice(1, 1)}


def test_a_value_changes_where_a_segment_begins_and_where_a_node_makes_its_own() -> None:
    marked = np.array([0, 1, 0, 0, 0, 0, 1, 0], np.bool_)
    begins, values = segments_of(GraphBatch.of([BRANCHED])).pieces(marked, 10 * np.arange(5), np.array([7, 8]))
    assert begins.tolist() == [0, 1, 3, 5, 6]
    assert values.tolist() == [20, 7, 30, 40, 8]


def swept(batch: GraphBatch, gains: NDArray[np.float64], join: Callable[..., float]) -> NDArray[np.float64]:
    """``join over inputs + gain`` of each node: the slow way."""
    found = gains.copy()
    for row in range(len(gains)):
        inputs = batch.edge_source[batch.edge_start[row] : batch.edge_start[row + 1]]
        if len(inputs):
            found[row] += join(found[inputs])
    return found


@pytest.mark.parametrize("name", ["chain", "nb201", "darts"])
def test_recurrences_are_those_over_nodes(name: str) -> None:
    space = get_space(name)
    batch = space.decode_batch(space.sample(20, np.random.default_rng(0)))
    gains = np.random.default_rng(1).integers(0, 4, len(batch.kind)).astype(np.float64)
    segments = segments_of(batch)
    own_gain = segments.given(segments.running(gains))
    for join, slow in ((larger, np.max), (added, np.sum)):
        found = np.zeros(segments.rows)

        def own(value: NDArray[np.float64], at: slice) -> None:
            value += own_gain[at]

        segments.scan(found, join, own)
        last = batch.node_start[1:] - 1
        np.testing.assert_array_equal(found[segments.of[last]], swept(batch, gains, slow)[last])


def test_a_segment_without_inputs_reads_nothing_unless_it_is_an_image() -> None:
    graph = np.zeros(3, np.int64)
    segments = Segments(graph, np.array([0, 1]), np.array([2, 2]), np.array([0]))
    found = np.zeros(segments.rows)
    found[NOTHING], found[IMAGE] = 5.0, 7.0
    segments.scan(found, added, lambda value, at: None)
    assert found[segments.of].tolist() == [7.0, 5.0, 12.0]


def test_no_nodes_make_no_segments() -> None:
    segments = segments_of(GraphBatch.of([]))
    assert segments.rows == 2
    assert len(segments.of) == len(segments.latest(np.zeros(0, np.bool_))) == 0
