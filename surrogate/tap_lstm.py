"""`TapLSTM`: the train-less accuracy predictor of TAPAS, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from surrogate.boosted_trees import task_columns
from surrogate.encoding import Inputs, check_finite
from surrogate.experience import Experience
from surrogate.prediction import Estimate
from surrogate.predictor import Predictor
from surrogate.relative import RelativeScale
from surrogate.sequences import depth_places, layer_names, longest
from surrogate.state import State
from surrogate.task import Task

if TYPE_CHECKING:
    from surrogate.tap_network import TapNetwork

__all__ = ["TapLSTM"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(eq=False)
class TapLSTM(Predictor):
    """Two stacked LSTMs read a network layer by layer (Istrate et al. 2019, arXiv 1806.00250, section 3.3).

    Each step predicts the network so far, and the prediction is fed forward to the next. TAPAS trained every prefix;
    here detached heads read prefixes out while the whole network trained (`depth_accuracies`), and they supervise the
    steps in between, where measured. Unlike TAPAS, what is predicted is a place within the task; a ridge regression on
    the DCN and the dataset's description gives the level, for tens of datasets are too few for an LSTM.

    Args:
        first: outputs of the first LSTM, which reads the layers.
        second: outputs of the second, which also reads the task and the place predicted one layer before.
        epochs: passes over the experience; fewer where it is large, see `steps`.
        steps: most gradient steps of a fit, which bounds its time.
        batch: rows of a step.
        learning_rate: peak of the schedule.
        weight_decay: of AdamW.
        noise: deviation of a random factor on each feature while training.
        depth_weight: of the loss on prefixes.
        rank_weight: of the loss on pairs of one task.
        bags: networks of different seeds, averaged; their disagreement widens the interval.
    """

    name: ClassVar[str] = "tap-lstm"
    first: int = 32
    second: int = 48
    epochs: int = 24
    steps: int = 400
    batch: int = 128
    learning_rate: float = 0.01
    weight_decay: float = 0.02
    noise: float = 0.1
    depth_weight: float = 0.2
    rank_weight: float = 0.5
    bags: int = 1
    level: float = 0.9
    folds: int = 5
    seed: int = 0

    def _learn(self, experience: Experience) -> None:
        sequences = experience.sequences
        lengths = np.asarray(sequences.lengths, np.int64)
        layers = np.asarray(sequences.values[:, : longest(lengths)], np.float32)
        check_finite(layers.reshape(-1, layers.shape[2]), layer_names(), type(self).__name__)
        inside = np.arange(layers.shape[1]) < lengths[:, None]
        self.centre_ = layers[inside].mean(axis=0)
        self.deviation_ = _deviation(layers[inside])
        of_task = np.stack([task_columns(task) for task in experience.tasks])
        self.task_centre_, self.task_deviation_ = of_task.mean(axis=0), _deviation(of_task)
        self.scale_ = RelativeScale().fit(experience)
        known = np.array([self.scale_.knows(task) for task in experience.tasks])[experience.task_index]
        self._train(experience, layers, lengths, known)
        places = self._places_of_rows(experience, layers, lengths)
        if not known.all():
            self.scale_.refine(experience, places)
            self._train(experience, layers, lengths, np.ones(len(experience), bool))
            places = self._places_of_rows(experience, layers, lengths)
        self.place_error_ = float(np.sqrt(np.mean((self.scale_.places(experience) - places) ** 2)))

    def _train(
        self, experience: Experience, layers: Singles, lengths: NDArray[np.int64], chosen: NDArray[np.bool_]
    ) -> None:
        import torch

        from surrogate.tap_network import Examples, TapNetwork, Training, train

        rows = np.flatnonzero(chosen)
        of_task = np.stack([self._task(task) for task in experience.tasks])[experience.task_index]
        size = np.bincount(experience.task_index, minlength=len(experience.tasks))
        weight = 1.0 / np.sqrt(size[experience.task_index[rows]])
        place = np.clip(self.scale_.places(experience), -3.5, 3.5)
        depth = depth_places(experience, self.scale_)
        examples = Examples(
            layers=torch.from_numpy(self._standard(layers[rows], lengths[rows])),
            lengths=torch.from_numpy(lengths[rows]),
            task=torch.from_numpy(of_task[rows]),
            place=torch.from_numpy(place[rows].astype(np.float32)),
            depth_place=torch.from_numpy(depth[rows]),
            weight=torch.from_numpy((weight / weight.mean()).astype(np.float32)),
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
        self.networks_: list[TapNetwork] = []
        for bag in range(self.bags):
            generator = torch.Generator().manual_seed(self.seed * self.bags + bag)
            network = TapNetwork(layers.shape[2], of_task.shape[1], self.first, self.second, generator)
            train(network, examples, how, generator)
            self.networks_.append(network)

    def _estimate(self, inputs: Inputs) -> Estimate:
        sequence = inputs.sequence
        lengths = np.asarray(sequence.lengths, np.int64)
        layers = np.asarray(sequence.values[:, : longest(lengths)], np.float32)
        check_finite(layers.reshape(-1, layers.shape[2]), layer_names(), type(self).__name__)
        place, disagreement = self._places(layers, lengths, inputs.task)
        return self.scale_.estimate(inputs.task, place, np.hypot(self.place_error_, disagreement))

    def _places(self, layers: Singles, lengths: NDArray[np.int64], task: Task) -> tuple[Floats, Floats]:
        """Mean and deviation, over the bags, of the predicted places, both (n,)."""
        import torch

        from surrogate.tap_network import places_of

        read, ends = torch.from_numpy(self._standard(layers, lengths)), torch.from_numpy(lengths)
        places = np.stack([places_of(net, read, ends, torch.from_numpy(self._task(task))) for net in self.networks_])
        return places.mean(axis=0), places.std(axis=0)

    def _places_of_rows(self, experience: Experience, layers: Singles, lengths: NDArray[np.int64]) -> Floats:
        places = np.empty(len(experience))
        for task, rows in experience.rows_by_task():
            places[rows] = self._places(layers[rows], lengths[rows], task)[0]
        return places

    def _standard(self, layers: Singles, lengths: NDArray[np.int64]) -> Singles:
        """(n, t, f) standardised, clipped to ±5, 0 past the end."""
        standard = np.clip((layers - self.centre_) / self.deviation_, -5.0, 5.0)
        standard *= (np.arange(layers.shape[1]) < lengths[:, None])[:, :, None]
        return np.ascontiguousarray(standard, np.float32)

    def _task(self, task: Task) -> Singles:
        standard = (task_columns(task) - self.task_centre_) / self.task_deviation_
        return np.asarray(np.clip(standard, -3.0, 3.0), np.float32)

    def _store(self, state: State) -> None:
        scale = State()
        self.scale_.store(scale)
        state.put_part("scale", scale)
        for name in ("centre", "deviation", "task_centre", "task_deviation", "place_error"):
            state.arrays[name] = np.asarray(getattr(self, f"{name}_"))
        for bag, network in enumerate(self.networks_):
            for key, value in network.state_dict().items():
                state.arrays[f"network_{bag}/{key}"] = value.numpy()

    def _restore(self, state: State) -> None:
        import torch

        from surrogate.tap_network import TapNetwork

        self.scale_ = RelativeScale.restored(state.part("scale"))
        for name in ("centre", "deviation", "task_centre", "task_deviation"):
            setattr(self, f"{name}_", state.arrays[name])
        self.place_error_ = state.arrays["place_error"].item()
        self.networks_ = []
        for bag in range(self.bags):
            weights = {key: torch.from_numpy(value) for key, value in state.part(f"network_{bag}").arrays.items()}
            network = TapNetwork(len(self.centre_), len(self.task_centre_), self.first, self.second, torch.Generator())
            network.load_state_dict(weights)
            self.networks_.append(network.eval())


def _deviation(values: NDArray[np.float32]) -> Singles:
    deviation = values.std(axis=0)
    return np.where(deviation > 1e-6, deviation, np.inf).astype(np.float32)  # what never varied says nothing
