"""Layer sequences without padding: the layers are those of the padded encoding, shared by whatever is taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.encoders import layer_sequence, ragged_layers
from presage.architecture.stages import stage_ends
from presage.errors import InvalidExperience
from presage.surrogate.data.encoding import Inputs, check_finite
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.sequences import Sequences, gathered, layer_names, padded, places, starts_of
from presage.surrogate.predictors.tap_lstm import TapLSTM
from presage.surrogate.testing import synthetic_experience


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(3, 20)


def test_layers_of_every_row_are_those_of_its_network_on_its_own_task(experience: Experience) -> None:
    ends = np.cumsum(experience.sequences.lengths)[:-1]
    layers = np.split(experience.sequences.layers, ends)
    for task, rows in experience.rows_by_task():
        wanted = layer_sequence(experience.graphs.take(rows), task.input_shape, task.classes)
        assert len(set(wanted.lengths)) > 1
        for at, row in enumerate(rows):
            t = wanted.lengths[at]
            assert experience.sequences.lengths[row] == t
            np.testing.assert_array_equal(layers[row], wanted.values[at, :t])
            np.testing.assert_array_equal(experience.sequences.nodes(row), wanted.nodes[at, :t])


def test_padded_again_they_are_the_padded_encoding(experience: Experience) -> None:
    task, rows = next(experience.rows_by_task())
    graphs = experience.graphs.take(rows)
    ragged = ragged_layers(graphs, task.input_shape, task.classes)
    wanted = layer_sequence(graphs, task.input_shape, task.classes)
    np.testing.assert_array_equal(padded(ragged.values, starts_of(ragged.lengths), ragged.lengths), wanted.values)
    assert (wanted.values[~wanted.mask] == 0).all()


def test_what_is_taken_copies_no_layer_and_keeps_its_order(experience: Experience) -> None:
    rows = np.array([41, 3, 3, 17])
    some, whole = experience.take(rows), experience.sequences
    assert some.sequences.stored is whole.stored
    ends = np.cumsum(whole.lengths)[:-1]
    wanted = [np.split(whole.layers, ends)[row] for row in rows]
    np.testing.assert_array_equal(some.sequences.layers, np.concatenate(wanted))
    np.testing.assert_array_equal(some.take([3, 0]).sequences.layers, np.concatenate([wanted[3], wanted[0]]))
    assert some.sequences.network.tolist() == np.repeat(np.arange(4), whole.lengths[rows]).tolist()


def test_readings_by_depth_follow_the_rows_that_are_taken(experience: Experience) -> None:
    canonical = [one.canonical for one in experience.graphs.architectures()]
    readings = tuple((0.5,) * len(stage_ends(one)) for one in canonical)
    measured = replace(experience, graphs=GraphBatch.of(canonical), depth_accuracies=readings, _source=None)
    by_row = np.split(measured.depth_steps, np.cumsum(measured.sequences.lengths)[:-1])
    assert any((steps >= 0).any() for steps in by_row)
    rows = np.array([50, 2, 31])
    np.testing.assert_array_equal(measured.take(rows).depth_steps, np.concatenate([by_row[row] for row in rows]))


def test_networks_of_any_length_are_padded_to_the_longest_of_their_own_batch() -> None:
    flat = np.arange(1, 7, dtype=np.float32)[:, None] * [1.0, 10.0]  # three networks of 1, 3 and 2 layers
    flat = flat.astype(np.float32)
    starts, lengths = np.array([0, 1, 4]), np.array([1, 3, 2])
    assert places(starts[[2, 0]], lengths[[2, 0]]).tolist() == [4, 5, 0]
    found = padded(flat, starts[[2, 0]], lengths[[2, 0]])
    assert found.tolist() == [[[5, 50], [6, 60]], [[1, 10], [0, 0]]]
    assert np.isnan(padded(flat[:, 0], starts, lengths, np.nan)[0, 1:]).all()
    assert padded(flat[:0], starts[:0], lengths[:0]).size == 0


def test_one_long_network_costs_no_more_than_its_own_layers() -> None:
    long = Sequences(np.ones((500, 2), np.float32), np.arange(500), np.array([0]), np.array([500]))
    short = Sequences(
        np.ones((300, 2), np.float32), np.arange(300) % 3, np.arange(0, 300, 3), np.full(100, 3, np.int64)
    )
    found = gathered([(np.array([100]), long), (np.arange(100), short)], 101)
    assert found.stored.nbytes == long.stored.nbytes + short.stored.nbytes
    assert found.lengths.tolist() == [3] * 100 + [500]
    assert found.nodes(0).tolist() == [0, 1, 2]
    assert found.nodes(100)[-1] == 499
    assert len(found.take(np.array([0, 100])).layers) == 503


def test_a_layer_that_is_not_finite_is_told_by_its_network(experience: Experience) -> None:
    task, rows = next(experience.rows_by_task())
    inputs = Inputs(experience.graphs.take(rows), task)
    sequence = inputs.sequence
    broken = sequence.stored.copy()
    broken[sequence.starts[5] + sequence.lengths[5] - 1, 2] = np.nan
    with pytest.raises(InvalidExperience, match=f"Got nan for `{layer_names()[2]}` of architecture 5"):
        TapLSTM()._read(replace(sequence, stored=broken))
    with pytest.raises(InvalidExperience, match="of architecture 1"):
        check_finite(np.array([[1.0], [np.inf]], np.float32), ("one",), "it")
