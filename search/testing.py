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
from typing import Any, ClassVar

import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from architecture.graph import Architecture, Node
from architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Classifier,
    Convolution,
    Flatten,
    Identity,
    Input,
    MaxPool,
)
from architecture.spaces.space import Categorical, Space

__all__ = ["SamplerContract", "TinySpace"]

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
                assert kind._contains(internal)

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

    def decode(self, params: Any) -> Architecture:
        """Input, the layers, global average, classifier."""
        nodes = [Node(Input())]

        def add(operation: Any) -> None:
            nodes.append(Node(operation, (len(nodes) - 1,)))

        for layer in range(self.layers):
            kernel = params[f"kernel{layer}"]
            add(Convolution(params[f"width{layer}"], (kernel, kernel), (1, 1), (kernel // 2, kernel // 2)))
            match params[f"then{layer}"]:
                case "relu":
                    add(Activation("relu"))
                case "identity":
                    add(Identity())
                case "pool":
                    add(MaxPool())
        add(AdaptiveAveragePool())
        add(Flatten())
        add(Classifier())
        return Architecture(tuple(nodes))
