"""`TapLSTM`: the contract, the exactness of feeding the prediction forward, and supervision by depth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.stages import stage_ends
from presage.surrogate import metrics
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.data.sequences import padded, starts_of
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.relative_scale import RelativeScale
from presage.surrogate.predictors.tap_lstm import TapLSTM
from presage.surrogate.predictors.tap_network import TapNetwork
from presage.surrogate.predictors.tap_reading import TapReader
from presage.surrogate.testing import PredictorContract, synthetic_experience


class TestTapLSTM(PredictorContract):
    least_tau, most_mse, datasets, networks = 0.6, 0.008, 10, 30

    def make(self) -> Predictor:
        return TapLSTM(epochs=10, batch=64, first=16, second=24, folds=2, bags=1)


def test_the_prediction_fed_forward_through_merged_weights_is_the_one_fed_forward_step_by_step() -> None:
    generator = torch.Generator().manual_seed(0)
    network = TapNetwork(5, 3, 7, 9, generator).double()
    with torch.no_grad():
        network.offset.fill_(0.3)
        network.bias.normal_(generator=generator)
    layers = torch.randn(4, 11, 5, generator=generator, dtype=torch.float64)
    task = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    seen, _ = network.layers(layers)
    h = c = torch.zeros(4, 9, dtype=torch.float64)
    predicted = network.offset.expand(4, 1)  # of the network without layers
    for step in range(11):
        gates = torch.cat([seen[:, step], task], dim=1) @ network.input_weight.T + h @ network.recurrent_weight.T
        gates = gates + predicted @ network.feedback_weight.T + network.bias
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        predicted = h @ network.head.T + network.offset
        torch.testing.assert_close(network(layers, task)[:, step], predicted[:, 0])


@pytest.fixture(scope="module")
def measured() -> Experience:
    """Experience whose accuracies by depth rise evenly toward the whole network's."""
    experience = synthetic_experience(4, 30)
    canonical = [architecture.canonical for architecture in experience.graphs.architectures()]  # as databases hold them
    readings = []
    for accuracy, architecture in zip(experience.accuracy, canonical, strict=True):
        k = len(stage_ends(architecture))
        readings.append(tuple((accuracy * np.arange(1, k + 1) / (k + 1)).tolist()))
    return replace(experience, graphs=GraphBatch.of(canonical), depth_accuracies=tuple(readings), _source=None)


def test_every_reading_by_depth_is_placed_at_a_layer_and_in_order(measured: Experience) -> None:
    ends = np.cumsum(measured.sequences.lengths)[:-1]
    for row, (readings, steps) in enumerate(
        zip(measured.depth_accuracies, np.split(measured.depth_steps, ends), strict=True)
    ):
        if measured.sequences.lengths[row] == 1:
            continue  # a dead network: no layer but the classifier hears of the image
        placed = steps[steps >= 0]
        layers = np.flatnonzero(steps >= 0)
        assert (np.diff(placed) > 0).all()
        assert len(placed) >= len(readings) - 1  # two stage ends may follow the same layer
        assert (layers < measured.sequences.lengths[row] - 1).all()  # the last layer is the network itself


def test_readings_become_relative_to_their_own_task(measured: Experience) -> None:
    scale = RelativeScale().fit(measured)
    relative = scale.relative_by_depth(measured)
    layer = np.flatnonzero(np.isfinite(relative) & (np.abs(relative) < 3.4))[5]
    row = measured.sequences.network[layer]
    task = scale.of(measured.tasks[measured.task_index[row]])
    reading = measured.depth_accuracies[row][measured.depth_steps[layer]]
    assert from_logit(task.mean + task.spread * relative[layer]) == pytest.approx(reading, abs=1e-5)


def test_readings_that_do_not_fit_the_network_are_left_aside(measured: Experience) -> None:
    wrong = replace(measured, depth_accuracies=((0.1,) * 50,) * len(measured), _source=None)
    assert (wrong.depth_steps == -1).all()


def test_supervision_by_depth_teaches_the_prefixes(measured: Experience) -> None:
    def correlation(depth_weight: float) -> float:
        predictor = TapLSTM(epochs=12, batch=16, first=12, second=16, bags=1, depth_weight=depth_weight)
        predictor._learn(measured)
        sequences, weights = measured.sequences, predictor.networks_[0].weights
        flat, starts = predictor._standard(sequences.layers), starts_of(sequences.lengths)
        layers = torch.from_numpy(padded(flat, starts, sequences.lengths))
        tasks = predictor._standard_tasks(predictor._columns_of_tasks(measured))[measured.task_index]
        network = TapNetwork(layers.shape[2], tasks.shape[1], 12, 16, torch.Generator())
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        with torch.no_grad():
            found = network(layers, torch.from_numpy(tasks)).numpy()
        truth = padded(predictor.scale_.relative_by_depth(measured), starts, sequences.lengths, np.nan)
        inside = np.isfinite(truth)
        return metrics.spearman(truth[inside], found[inside])

    taught = correlation(0.5)
    assert taught > 0.6
    assert taught > correlation(0.0) + 0.1


def test_an_unmeasured_prefix_changes_nothing(measured: Experience) -> None:
    bare = replace(measured, depth_accuracies=((),) * len(measured), _source=None)
    one, other = (TapLSTM(epochs=2, first=8, second=8, bags=1, depth_weight=weight) for weight in (0.0, 0.5))
    task, graphs = measured.tasks[0], measured.graphs.take([0, 1, 2])
    values = []
    for predictor in (one, other):
        predictor.folds = 2
        values.append(predictor.fit(bare).predict(graphs, task).value)
    np.testing.assert_array_equal(*values)


def test_to_logit_of_nan_is_nan() -> None:
    assert np.isnan(to_logit(np.nan))


def test_a_trained_network_is_read_by_numpy_as_torch_computes_it() -> None:
    """Of networks of any length, together or alone."""
    generator = torch.Generator().manual_seed(2)
    network = TapNetwork(5, 3, 7, 9, generator)
    with torch.no_grad():
        network.offset.fill_(0.3)
        network.bias.normal_(generator=generator)
        network.head.normal_(generator=generator)
    lengths = torch.randint(1, 12, (300,), generator=generator)
    layers = torch.randn(300, 11, 5, generator=generator) * (torch.arange(11) < lengths[:, None])[:, :, None]
    task = torch.randn(3, generator=generator)
    reader = TapReader({name: value.numpy().copy() for name, value in network.state_dict().items()})
    with torch.no_grad():
        every = network.double()(layers.double(), task.double().expand(300, -1))
        wanted = every.gather(1, lengths[:, None] - 1).squeeze(1).numpy()
    flat = [layers[row, :length].numpy() for row, length in enumerate(lengths.tolist())]
    found = reader.relative(np.concatenate(flat), lengths.numpy(), task.numpy())
    assert wanted.std() > 0.05
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    alone = [reader.relative(flat[row], lengths[row : row + 1].numpy(), task.numpy()) for row in (0, 7)]
    np.testing.assert_allclose(np.concatenate(alone), found[[0, 7]], atol=1e-6)
    assert reader.relative(flat[0][:0], lengths[:0].numpy(), task.numpy()).shape == (0,)


def test_gates_that_are_wide_open_or_shut_are_read_as_torch_computes_them() -> None:
    """Far beyond where a hyperbolic tangent is 1, nothing overflows and nothing turns round."""
    generator = torch.Generator().manual_seed(3)
    network = TapNetwork(5, 3, 7, 9, generator)
    with torch.no_grad():
        for value in network.parameters():
            value.mul_(40.0)
        layers, task = 20 * torch.randn(1, 30, 5, generator=generator), torch.randn(3, generator=generator)
        wanted = float(network(layers, task[None])[0, -1])
    reader = TapReader({name: value.numpy() for name, value in network.state_dict().items()})
    found = reader.relative(layers[0].numpy(), np.array([30]), task.numpy())
    assert found[0] == pytest.approx(wanted, rel=1e-5)
