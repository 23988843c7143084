"""Regularised evolution: Optuna's own sampler contract, ours, and the algorithm's rules checked trial by trial."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)
from optuna.trial import TrialState

from presage.architecture.spaces import get_space
from presage.errors import InvalidArgument
from presage.search.samplers import RegularizedEvolutionSampler
from presage.search.samplers.history import History
from presage.search.testing import SamplerContract, TinySpace

optuna.logging.set_verbosity(optuna.logging.ERROR)


class TestOptunasContract(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: RegularizedEvolutionSampler(seed=1, population=2, tournament=2)


class TestOurContract(SamplerContract):
    @pytest.fixture
    def make(self) -> Callable[[int], BaseSampler]:
        return lambda seed: RegularizedEvolutionSampler(seed, population=8, tournament=3)


def _objective(trial: optuna.Trial) -> float:
    return float(sum(trial.suggest_int(f"x{i}", 0, 5) for i in range(6)))


def test_a_child_differs_from_one_living_trial_in_exactly_one_parameter() -> None:
    study = optuna.create_study(sampler=RegularizedEvolutionSampler(0, population=10, tournament=3))
    study.optimize(_objective, n_trials=60)
    trials = study.trials
    for trial in trials[10:]:
        alive = trials[trial.number - 10 : trial.number]
        changes = [sum(trial.params[name] != other.params[name] for name in other.params) for other in alive]
        assert min(changes) <= 1  # 0 where a living trial already equals the child


def test_with_a_tournament_over_everyone_the_parent_is_the_best_alive() -> None:
    """S ≫ P draws everyone, so every parent is the best of the last P; the dead do not count, however good."""
    study = optuna.create_study(
        direction="maximize", sampler=RegularizedEvolutionSampler(3, population=5, tournament=500)
    )
    distribution = CategoricalDistribution(list(range(6)))
    names = [f"x{i}" for i in range(6)]

    def add(value: float, code: int) -> None:
        study.add_trial(
            optuna.create_trial(
                params=dict.fromkeys(names, code), distributions=dict.fromkeys(names, distribution), value=value
            )
        )

    add(100.0, 5)  # the best ever, but five younger ones follow
    for code in range(5):
        add(float(code), code)
    trial = study.ask(dict.fromkeys(names, distribution))
    assert sum(value == 4 for value in trial.params.values()) == 5


def test_minimising_prefers_small_values() -> None:
    study = optuna.create_study(
        direction="minimize", sampler=RegularizedEvolutionSampler(3, population=2, tournament=100)
    )
    distribution = CategoricalDistribution([0, 1, 2])
    names = ["a", "b", "c"]
    for value in (0.0, 1.0):
        study.add_trial(
            optuna.create_trial(
                params=dict.fromkeys(names, int(value)),
                distributions=dict.fromkeys(names, distribution),
                value=value,
            )
        )
    params = study.ask(dict.fromkeys(names, distribution)).params
    assert sum(value == 0 for value in params.values()) == 2


def test_failed_and_pruned_trials_are_never_parents() -> None:
    study = optuna.create_study(
        direction="maximize", sampler=RegularizedEvolutionSampler(3, population=2, tournament=50)
    )
    kinds = {name: CategoricalDistribution([0, 1, 2]) for name in "abc"}
    for code, state, value in ((0, TrialState.COMPLETE, 0.1), (0, TrialState.COMPLETE, 0.2)):
        study.add_trial(
            optuna.create_trial(params=dict.fromkeys("abc", code), distributions=kinds, state=state, value=value)
        )
    study.add_trial(optuna.create_trial(params=dict.fromkeys("abc", 2), distributions=kinds, state=TrialState.FAIL))
    study.add_trial(
        optuna.create_trial(
            params=dict.fromkeys("abc", 2),
            distributions=kinds,
            state=TrialState.PRUNED,
            value=9.0,
            intermediate_values={0: 9.0},
        )
    )
    params = study.ask(kinds).params
    assert sum(value == 0 for value in params.values()) == 2


def test_mutates_every_parameter_about_equally_often() -> None:
    study = optuna.create_study(direction="maximize", sampler=RegularizedEvolutionSampler(1, population=1))
    kinds = {name: CategoricalDistribution([0, 1, 2]) for name in "abcd"}
    study.add_trial(optuna.create_trial(params=dict.fromkeys("abcd", 0), distributions=kinds, value=0.0))
    changed = dict.fromkeys("abcd", 0)
    for _ in range(400):
        trial = study.ask(kinds)
        (name,) = [name for name, value in trial.params.items() if value != 0]
        changed[name] += 1
        study.tell(trial, state=TrialState.FAIL)
    assert min(changed.values()) > 65  # 100 expected, standard deviation 8.7
    assert max(changed.values()) < 135


def test_a_journal_reopened_in_the_middle_gives_the_very_same_study(tmp_path: Path) -> None:
    def study(path: Path) -> optuna.Study:
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
        return optuna.create_study(
            storage=storage,
            study_name="s",
            load_if_exists=True,
            sampler=RegularizedEvolutionSampler(5, population=5, tournament=2),
        )

    whole = study(tmp_path / "whole")
    whole.optimize(_objective, n_trials=20)
    for _ in range(2):
        study(tmp_path / "parts").optimize(_objective, n_trials=10)
    parts = study(tmp_path / "parts")
    assert [trial.params for trial in parts.trials] == [trial.params for trial in whole.trials]


def test_beats_random_on_a_separable_objective() -> None:
    def best(sampler: BaseSampler) -> float:
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(_objective, n_trials=150)
        return study.best_value

    evolved = [best(RegularizedEvolutionSampler(seed, population=20, tournament=5)) for seed in range(5)]
    drawn = [best(optuna.samplers.RandomSampler(seed)) for seed in range(5)]
    assert np.mean(evolved) > np.mean(drawn) + 1


@pytest.mark.parametrize("wrong", [{"population": 0}, {"tournament": 0}, {"seed": -1}])
def test_wrong_arguments_are_named(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument, match=rf"`{next(iter(wrong))}` of `RegularizedEvolutionSampler` must"):
        RegularizedEvolutionSampler(**wrong)


def test_no_network_is_asked_for_twice_while_there_are_others() -> None:
    study = optuna.create_study(
        direction="maximize", sampler=RegularizedEvolutionSampler(0, population=10, tournament=5)
    )
    study.optimize(lambda trial: sum(trial.suggest_categorical(f"x{i}", [0, 1, 2]) for i in range(8)), n_trials=60)
    tried = [tuple(trial.params.values()) for trial in study.trials[10:]]
    assert len(set(tried)) == 50


def test_a_batch_has_no_candidate_twice_nor_one_from_before() -> None:
    space, sampler = TinySpace(layers=8), RegularizedEvolutionSampler(0, population=20, tournament=5)
    history = History(len(space.parameters))
    history.extend(space.sample(20, np.random.default_rng(0)), np.arange(20.0)[:, None])
    for batch in range(6):
        codes = sampler.propose(space, history, 40, (batch,)).codes
        known = {tuple(code) for code in history.codes.tolist()}
        assert len({tuple(code) for code in codes.tolist()} - known) == 40
        history.extend(codes, codes.sum(axis=1, keepdims=True) * 1.0)


def test_a_space_of_few_networks_is_asked_again_when_all_are_known() -> None:
    space, sampler = TinySpace(layers=1), RegularizedEvolutionSampler(0, population=5)
    history = History(3)
    history.extend(space.sample(200, np.random.default_rng(0)), np.ones((200, 1)))
    assert space.valid(sampler.propose(space, history, 30, (0,)).codes).all()


def test_children_that_compute_what_is_known_are_drawn_again() -> None:
    """NAS-Bench-201 has 15,625 codes and 6,466 functions."""
    space = get_space("nb201")
    history, numbers = History(len(space.parameters)), np.random.default_rng(0)
    sampler = RegularizedEvolutionSampler(0, population=10, tournament=10)
    history.extend(space.sample(10, numbers), numbers.random((10, 1)))
    for trial in range(150):
        code = sampler.propose(space, history, 1, (0, trial)).codes
        history.extend(code, numbers.random((1, 1)))
    hashes = [space.decode(space.params(code)).hash for code in history.codes[10:]]
    assert len(set(hashes)) == len(hashes)
