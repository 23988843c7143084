"""`TapLSTM`: the train-less accuracy predictor of TAPAS, layer by layer."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.encoding import Inputs, check_finite
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.sequences import Sequences, layer_names, places, starts_of
from presage.surrogate.predictors.kernel_ridge import KernelRidge
from presage.surrogate.predictors.relative_predictor import RelativePredictor, task_weight
from presage.surrogate.predictors.side_by_side import side_by_side
from presage.surrogate.predictors.state import State
from presage.surrogate.predictors.tap_reading import TapReader

__all__ = ["TapLSTM"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(eq=False)
class TapLSTM(RelativePredictor):
    """Two stacked LSTMs read a network layer by layer (Istrate et al. 2019, arXiv 1806.00250, section 3.3).

    Each step predicts the network so far, and the prediction is fed forward to the next. TAPAS trained every prefix;
    here detached heads read prefixes out while the whole network trained (`depth_accuracies`), and they supervise the
    steps in between, where measured. Unlike TAPAS, what is predicted is relative to the task; its mean comes from a
    Gaussian process on meta-features, for tens of datasets are too few for an LSTM.

    Args:
        first: outputs of the first LSTM, which reads the layers.
        second: outputs of the second, which also reads the task and what was predicted one layer before.
        epochs: passes over the experience; fewer where it is large, see `steps`.
        steps: most gradient steps of a fit, which bounds its time.
        batch: rows of a step.
        learning_rate: peak of the schedule.
        weight_decay: of AdamW.
        noise: deviation of a random factor on each feature while training.
        depth_weight: of the loss on prefixes.
        rank_weight: of a logistic loss on pairs of one task; on the shipped experience it did not help.
        bags: networks of different seeds, averaged; their disagreement widens the interval.
    """

    name: ClassVar[str] = "tap-lstm"
    first: int = 32
    second: int = 48
    epochs: int = 16
    steps: int = 900
    batch: int = 128
    learning_rate: float = 0.015
    weight_decay: float = 0.02
    noise: float = 0.1
    depth_weight: float = 1.0
    rank_weight: float = 0.0
    bags: int = 2
    level: float = 0.9
    folds: int = 5
    seed: int = 0

    def _understudy(self) -> Self:
        return replace(self, bags=1)  # errs a little more: intervals become no narrower for it

    def _prepare(self, experience: Experience) -> None:
        layers = self._read(experience.sequences)
        self.centre_ = layers.mean(axis=0)
        self.deviation_ = _deviation(layers)
        of_task = np.nan_to_num(self._columns_of_tasks(experience))
        self.task_centre_, self.task_deviation_ = of_task.mean(axis=0), _deviation(of_task)

    def _placing(self, experience: Experience, rows: NDArray[np.int64]) -> Floats:
        """By kernel ridge: half of the fit's time, and the LSTM ranks no worse for it."""
        other = KernelRidge(seed=self.seed)
        return other.placing(experience, lambda: self._placed_by(other, experience, rows))

    def _learn_relative(self, experience: Experience, rows: NDArray[np.int64], target: Floats) -> None:
        import torch

        from presage.surrogate.predictors.tap_network import Examples, TapNetwork, Training, train

        sequences = experience.sequences
        lengths = sequences.lengths[rows]
        by_depth = self.scale_.relative_by_depth(experience)
        of_task = self._standard_tasks(self._columns_of_tasks(experience))[experience.task_index]
        examples = Examples(
            layers=self._standard(self._read(sequences.take(rows))),
            lengths=lengths,
            task=torch.from_numpy(of_task[rows]),
            relative=torch.from_numpy(target.astype(np.float32)),
            relative_by_depth=by_depth[places(starts_of(sequences.lengths)[rows], lengths)],
            weight=torch.from_numpy(task_weight(experience)[rows].astype(np.float32)),
            group=torch.from_numpy(experience.task_index[rows]),
        )
        epochs = max(1, min(self.epochs, self.steps * self.batch // len(rows)))
        how = Training(
            epochs=epochs,
            batch=self.batch,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            noise=self.noise,
            depth_weight=self.depth_weight,
            rank_weight=self.rank_weight,
        )

        def trained(bag: int) -> TapReader:
            generator = torch.Generator().manual_seed(self.seed * self.bags + bag)
            network = TapNetwork(examples.layers.shape[1], of_task.shape[1], self.first, self.second, generator)
            train(network, examples, how, generator)
            return TapReader({key: value.numpy() for key, value in network.state_dict().items()})

        self.networks_ = side_by_side([partial(trained, bag) for bag in range(self.bags)])

    def _relative(self, inputs: Inputs) -> tuple[Floats, Floats]:
        lengths = inputs.sequence.lengths
        read = self._standard(self._read(inputs.sequence))
        task = self._standard_tasks(self._task_columns(inputs.task))
        if len(self.networks_) == 1:
            return self.networks_[0].relative(read, lengths, task), np.zeros(len(lengths))
        with ThreadPoolExecutor(min(len(self.networks_), os.cpu_count() or 1)) as pool:
            bags = np.stack(list(pool.map(lambda network: network.relative(read, lengths, task), self.networks_)))
        return bags.mean(axis=0), bags.std(axis=0)

    def _relative_of_rows(self, experience: Experience) -> Floats:
        """As `_relative`, with all layers standardised at once."""
        read, lengths = self._standard(self._read(experience.sequences)), experience.sequences.lengths
        tasks, starts = self._standard_tasks(self._columns_of_tasks(experience)), starts_of(lengths)

        def by(network: TapReader) -> Floats:
            relative = np.empty(len(experience))
            for index, (_, rows) in enumerate(experience.rows_by_task()):
                layers = read[places(starts[rows], lengths[rows])]
                relative[rows] = network.relative(layers, lengths[rows], tasks[index])
            return relative

        return np.asarray(np.mean(side_by_side([partial(by, network) for network in self.networks_]), axis=0))

    def _read(self, sequences: Sequences) -> Singles:
        """(l, f) layers, network by network, checked."""
        layers = sequences.layers
        check_finite(layers, layer_names(), type(self).__name__, sequences.network)
        return layers

    def _standard(self, layers: Singles) -> Singles:
        """(l, f) standardised, clipped to ±5."""
        standard = layers - self.centre_
        standard /= self.deviation_
        return np.asarray(np.clip(standard, -5.0, 5.0, out=standard), np.float32)

    def _standard_tasks(self, columns: Singles) -> Singles:
        """Columns of a task (q,), or of many (d, q), standardised, within ±3."""
        standard = (np.nan_to_num(columns) - self.task_centre_) / self.task_deviation_
        return np.asarray(np.clip(standard, -3.0, 3.0), np.float32)

    def _store(self, state: State) -> None:
        super()._store(state)
        for name in ("centre", "deviation", "task_centre", "task_deviation"):
            state.arrays[name] = np.asarray(getattr(self, f"{name}_"))
        for bag, network in enumerate(self.networks_):
            for key, value in network.weights.items():
                state.arrays[f"network_{bag}/{key}"] = value

    def _restore(self, state: State) -> None:
        super()._restore(state)
        for name in ("centre", "deviation", "task_centre", "task_deviation"):
            setattr(self, f"{name}_", state.arrays[name])
        self.networks_ = [TapReader(state.part(f"network_{bag}").arrays) for bag in range(self.bags)]


def _deviation(values: NDArray[np.float32]) -> Singles:
    deviation = values.std(axis=0)
    return np.where(deviation > 1e-6, deviation, np.inf).astype(np.float32)  # what never varied says nothing
