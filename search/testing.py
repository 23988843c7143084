"""The contract every presage sampler keeps, as a pytest base class. A new sampler's test is one fixture::

    class TestMine(SamplerContract):
        several_objectives = True

        @pytest.fixture
        def make(self):
            return lambda seed: MySampler(seed)

Beside it, run Optuna's own cases (`optuna.testing.pytest_samplers`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from presage.architecture.batch.builder import GraphBatchBuilder
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Classifier,
    Convolution,
    Flatten,
    Identity,
    MaxPool,
)
from presage.architecture.spaces.space import Categorical, Codes, Space
from presage.surrogate.predictors.prediction import Prediction
from presage.training.failures import StopTraining
from presage.training.fitting import TrainingResult
from presage.training.loop import EpochRecord
from presage.training.model.trained import TrainedModel

__all__ = ["SamplerContract", "TableScorer", "TableTrainer", "TinySpace", "table_accuracy"]

Params = list[dict[str, Any]]


def _conditional(trial: optuna.Trial) -> float:
    """A define-by-run objective with parameters of every kind, some asked for only beside others."""
    value = float(trial.suggest_int("depth", 1, 4))
    for layer in range(int(value)):
        kind = trial.suggest_categorical(f"kind{layer}", ["conv", "pool", None])
        if kind == "conv":
            value += trial.suggest_float(f"width{layer}", 0.5, 2.0)
            value -= trial.suggest_int(f"kernel{layer}", 1, 7, step=2) / 10
    return value + trial.suggest_float("rate", 1e-4, 1e-1, log=True)


def _holds(kind: BaseDistribution, value: Any) -> bool:
    """Whether a distribution holds a value."""
    if isinstance(kind, CategoricalDistribution):
        return value in kind.choices
    assert isinstance(kind, IntDistribution | FloatDistribution)
    steps = 0.0 if kind.step is None else (value - kind.low) / kind.step
    return bool(kind.low <= value <= kind.high and abs(steps - round(steps)) < 1e-8)


class SamplerContract:
    """Repeatable by seed; goes on after a restart; survives failures; serves conditional spaces and threads."""

    several_objectives: ClassVar[bool] = False
    resumes_exactly: ClassVar[bool] = True
    """False where the sampler's random numbers, unlike its knowledge, are lost with the process."""
    trials: ClassVar[int] = 30

    @pytest.fixture
    def make(self) -> Callable[[int], BaseSampler]:
        raise NotImplementedError("Give the sampler from a seed.")

    def _run(self, study: optuna.Study, trials: int) -> Params:
        study.optimize(_conditional, n_trials=trials)
        return [trial.params for trial in study.get_trials(deepcopy=False)]

    def test_the_same_seed_gives_the_same_study(self, make: Callable[[int], BaseSampler]) -> None:
        first = self._run(optuna.create_study(direction="maximize", sampler=make(7)), self.trials)
        again = self._run(optuna.create_study(direction="maximize", sampler=make(7)), self.trials)
        assert first == again

    def test_another_seed_gives_another_study(self, make: Callable[[int], BaseSampler]) -> None:
        first = self._run(optuna.create_study(direction="maximize", sampler=make(7)), self.trials)
        other = self._run(optuna.create_study(direction="maximize", sampler=make(8)), self.trials)
        assert first != other

    def test_a_new_sampler_continues_an_old_study(self, make: Callable[[int], BaseSampler]) -> None:
        storage = optuna.storages.InMemoryStorage()
        for _ in range(2):
            study = optuna.create_study(
                direction="maximize", storage=storage, study_name="s", load_if_exists=True, sampler=make(7)
            )
            stopped = self._run(study, self.trials // 2)
        whole = self._run(optuna.create_study(direction="maximize", sampler=make(7)), 2 * (self.trials // 2))
        assert len(stopped) == len(whole)
        if self.resumes_exactly:
            assert stopped == whole

    def test_failed_and_pruned_trials_do_not_end_a_study(self, make: Callable[[int], BaseSampler]) -> None:
        def objective(trial: optuna.Trial) -> float:
            value = _conditional(trial)
            match trial.number % 4:
                case 0:
                    raise MemoryError("out of memory")
                case 1:
                    return float("nan")
                case 2:
                    trial.report(value, 0)
                    raise optuna.TrialPruned
                case _:
                    return value

        study = optuna.create_study(direction="maximize", sampler=make(7))
        study.optimize(objective, n_trials=4 * self.trials, catch=(MemoryError,))
        states = [trial.state for trial in study.get_trials(deepcopy=False)]
        assert states.count(TrialState.FAIL) == 2 * self.trials
        assert states.count(TrialState.COMPLETE) == self.trials

    def test_every_value_is_within_its_distribution(self, make: Callable[[int], BaseSampler]) -> None:
        study = optuna.create_study(direction="maximize", sampler=make(7))
        study.optimize(_conditional, n_trials=2 * self.trials)
        for trial in study.get_trials(deepcopy=False):
            for name, kind in trial.distributions.items():
                internal = kind.to_internal_repr(trial.params[name])
                assert kind.to_external_repr(internal) == trial.params[name]
                assert _holds(kind, trial.params[name])

    def test_threads_may_share_it(self, make: Callable[[int], BaseSampler]) -> None:
        study = optuna.create_study(direction="maximize", sampler=make(7))
        study.optimize(_conditional, n_trials=self.trials, n_jobs=3)
        trials = study.get_trials(deepcopy=False)
        assert [trial.state for trial in trials] == [TrialState.COMPLETE] * self.trials

    def test_several_objectives_are_served_or_refused(self, make: Callable[[int], BaseSampler]) -> None:
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=make(7))

        def objective(trial: optuna.Trial) -> Sequence[float]:
            x, y = trial.suggest_float("x", 0, 1), trial.suggest_categorical("y", [0, 1])
            return x, y - x

        if self.several_objectives:
            study.optimize(objective, n_trials=self.trials)
            assert len(study.get_trials(deepcopy=False)) == self.trials
        else:
            with pytest.raises(ValueError, match="objective"):
                study.optimize(objective, n_trials=1)


@dataclass(frozen=True)
class TinySpace(Space):
    """A space of small plain networks for tests of search: `layers` times a width and what follows it.

    Some codes are no network of their own: a width of 4 with `identity` has the hash of one with nothing in between.
    """

    layers: int = 3
    family = "tiny"

    @property
    def parameters(self) -> tuple[Categorical, ...]:
        """Width, kernel and what follows, of each layer."""
        return tuple(
            parameter
            for layer in range(self.layers)
            for parameter in (
                Categorical(f"width{layer}", (2, 4, 8)),
                Categorical(f"kernel{layer}", (1, 3)),
                Categorical(f"then{layer}", ("relu", "identity", "none", "pool")),
            )
        )

    def decode_batch(self, codes: Codes) -> GraphBatch:
        """Input, the layers, global average, classifier."""
        builder = GraphBatchBuilder(len(codes))
        x = builder.image
        for layer in range(self.layers):
            width, kernel, then = codes[:, 3 * layer : 3 * layer + 3].T
            kernel = 1 + 2 * kernel
            x = builder.add(Convolution, x, channels=2 << width, kernel=kernel, padding=kernel // 2)
            x = builder.then(x, Activation, where=then == 0)
            x = builder.then(x, Identity, where=then == 1)
            x = builder.then(x, MaxPool, where=then == 3)
        builder.add(Classifier, builder.add(Flatten, builder.add(AdaptiveAveragePool, x)))
        return builder.finish()


class TableScorer:
    """A scorer for tests that keeps what it was asked. Its table: wider and deeper is better, plus a hash's noise.

    Args:
        unscorable: every network whose hash is divisible by this has no score; 0 is none.
        shift: added to every value, so that two rounds can be told apart.
    """

    name = "table"

    def __init__(self, *, unscorable: int = 0, shift: float = 0.0) -> None:
        self.unscorable, self.shift = unscorable, shift
        self.asked: list[Architecture] = []

    @property
    def scored(self) -> int:
        """Number of networks scored so far."""
        return len(self.asked)

    def parameters(self, input_shape: tuple[int, int, int], classes: int) -> list[int]:
        """Parameters of every network scored so far."""
        return [costs(architecture, input_shape, classes).parameters for architecture in self.asked]

    def score(self, graphs: GraphBatch) -> Prediction:
        """See `Scorer.score`."""
        architectures = graphs.architectures()
        self.asked.extend(architectures)
        value = np.array([table_accuracy(architecture) for architecture in architectures]) + self.shift
        if self.unscorable:
            digits = np.array([int(architecture.hash[:8], 16) for architecture in architectures])
            value = np.where(digits % self.unscorable == 0, np.nan, value)
        return Prediction(value, value - 0.05, value + 0.05, 0.9)


def table_accuracy(architecture: Architecture) -> float:
    """What a network of `TinySpace` "scores", in [0.2, 0.9]: a function of the network, not of its code."""
    canonical = architecture.canonical
    good = 0.0
    for node in canonical.nodes:
        if isinstance(node.operation, Convolution):
            good += 0.06 * np.log2(node.operation.channels) + 0.02 * (node.operation.kernel[0] == 3)
        if isinstance(node.operation, Activation):
            good += 0.02
    return float(0.2 + good / 1.2 + int(architecture.hash[:6], 16) / 16**6 * 0.02)


class TableTrainer:
    """A trainer for tests: the "trained" accuracy is the table's, reached epoch by epoch. Keeps what it trained.

    Args:
        epochs: of the recipe.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.status = "finished"
        self.trained: list[Architecture] = []

    def model(self, architecture: Architecture, result: TrainingResult) -> TrainedModel:
        """Nothing is exported without weights."""
        raise AssertionError("a table trains no network")

    def accuracy(self, architecture: Architecture) -> float:
        """Accuracy after the last epoch."""
        return table_accuracy(architecture)

    def train(
        self, architecture: Architecture, *, seed: int, checkpoint: Path, on_epoch: Callable[[EpochRecord], None]
    ) -> TrainingResult:
        """See `Trainer.train`."""
        top, status, records = self.accuracy(architecture), self.status, []
        failure = None if status == "finished" else status
        self.trained.append(architecture)
        for epoch in range(self.epochs):
            accuracy = top * (epoch + 1) / self.epochs
            records.append(EpochRecord(epoch, 1.0, accuracy, 1.0, accuracy, (), 0.01))
            try:
                on_epoch(records[-1])
            except StopTraining as error:
                status, failure = "pruned", str(error)
                break
        finished = status == "finished"
        return TrainingResult(
            status=status,
            accuracy=top if finished else None,
            test_accuracy=top if finished else None,
            records=tuple(records),
            depth_nodes=(),
            costs=costs(architecture.canonical, (1, 8, 8), 2),
            seconds=0.01 * len(records),
            device="table",
            precision="float32",
            versions={},
            failure=failure,
            module=None,
        )
