"""REINFORCE as a sampler: Optuna's own contract, ours, what it learns, and that it learns it again after a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)

from presage.architecture.spaces import get_space
from presage.errors import InvalidArgument
from presage.search.samplers import RandomSampler
from presage.search.samplers.history import History
from presage.search.samplers.policy_gradient import Reinforce
from presage.search.samplers.reinforce import ReinforceSampler
from presage.search.samplers.suggested import Grid
from presage.search.testing import SamplerContract, TinySpace

optuna.logging.set_verbosity(optuna.logging.ERROR)


class TestOptunasContract(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: ReinforceSampler(seed=1, batch=2, hidden=4)


class TestOurContract(SamplerContract):
    @pytest.fixture
    def make(self) -> Callable[[int], BaseSampler]:
        return lambda seed: ReinforceSampler(seed, batch=4, hidden=8)


# In any study -------------------------------------------------------------------------------------------------------


def _bandit(trial: optuna.Trial) -> float:
    worth = {"a": 0.1, "b": 0.2, "c": 0.9, "d": 0.4}
    return worth[trial.suggest_categorical("arm", list(worth))] + 0.1 * trial.suggest_float("x", 0, 1)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_trials_move_to_the_best_choices_in_either_direction(direction: str) -> None:
    sign = 1 if direction == "maximize" else -1
    study = optuna.create_study(direction=direction, sampler=ReinforceSampler(0, learning_rate=0.03, hidden=8))
    study.optimize(lambda trial: sign * _bandit(trial), n_trials=160)
    late = study.trials[-50:]
    assert sum(trial.params["arm"] == "c" for trial in late) > 35  # 12 or 13 by chance
    assert np.mean([trial.params["x"] for trial in late]) > 0.5


def test_a_reopened_journal_gives_the_very_same_study(tmp_path: Path) -> None:
    def study(name: str) -> optuna.Study:
        backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / name))
        return optuna.create_study(
            direction="maximize",
            storage=optuna.storages.JournalStorage(backend),
            study_name="s",
            load_if_exists=True,
            sampler=ReinforceSampler(5, batch=3, hidden=8),
        )

    study("whole").optimize(_bandit, n_trials=24)
    for _ in range(3):
        study("parts").optimize(_bandit, n_trials=8)
    whole, parts = ([trial.params for trial in study(name).trials] for name in ("whole", "parts"))
    assert whole == parts


def test_a_trial_that_finishes_late_is_learned_from_when_it_finishes() -> None:
    study = optuna.create_study(direction="maximize", sampler=ReinforceSampler(0, batch=2, hidden=4))
    kinds = {"a": CategoricalDistribution([0, 1, 2])}
    slow = study.ask(kinds)
    for value in range(6):
        study.tell(study.ask(kinds), value)
    sampler = study.sampler
    assert isinstance(sampler, ReinforceSampler)
    study.ask(kinds)
    pupil = sampler._pupil
    assert pupil is not None
    assert len(pupil.rewards) == 6
    study.tell(slow, 3.5)
    study.tell(study.ask(kinds), 7.0)
    study.ask(kinds)
    assert sampler._pupil is pupil  # it went on, and did not begin anew
    assert pupil.rewards.tolist() == [0, 1, 2, 3, 4, 5, 3.5, 7.0]


@pytest.mark.parametrize(
    ("kind", "choices", "values"),
    [
        (CategoricalDistribution(["x", None, 3]), 3, ["x", None, 3]),
        (IntDistribution(1, 7, step=2), 4, [1, 3, 5, 7]),
        (FloatDistribution(0, 1, step=0.25), 5, [0, 0.25, 0.5, 0.75, 1]),
        (IntDistribution(1, 100), 16, [1, 50, 100]),
        (IntDistribution(1, 1000, log=True), 16, [1, 30, 1000]),
        (FloatDistribution(1e-5, 1, log=True), 16, [1e-5, 1e-3, 1]),
        (FloatDistribution(-1, 3), 16, [-1, 0.1, 3]),
    ],
)
def test_distributions_of_every_kind_are_cut_into_choices(
    kind: optuna.distributions.BaseDistribution, choices: int, values: list[object]
) -> None:
    grid, numbers = Grid(kind), np.random.default_rng(0)
    assert grid.choices == choices
    found = [grid.choice(value) for value in values]
    assert found[0] <= (1 if kind == IntDistribution(1, 1000, log=True) else 0)  # 1 is more than its first part
    assert found[-1] == choices - 1
    assert len(set(found)) == len(values)
    for choice in range(choices):
        drawn = grid.value(choice, numbers)
        assert kind._contains(kind.to_internal_repr(drawn))
        # rounding to a whole number may cross into the next part of a logarithmic range
        assert abs(grid.choice(drawn) - choice) <= (1 if isinstance(kind, IntDistribution) and choices == 16 else 0)


# In batches ---------------------------------------------------------------------------------------------------------


def _reward(codes: np.ndarray) -> np.ndarray:
    return codes[:, :1] * 1.0 + codes[:, 3:4] * 0.5 - (codes[:, 0:1] == codes[:, 6:7])


def _grown(restarts: tuple[int, ...] = (), batches: int = 6, n: int = 30) -> tuple[History, ReinforceSampler]:
    space, sampler = TinySpace(), ReinforceSampler(3, batch=7, hidden=8)
    history = History(len(space.parameters))
    for batch in range(batches):
        if batch in restarts:
            sampler = ReinforceSampler(3, batch=7, hidden=8)
        proposals = sampler.propose(space, history, n, (0, batch))
        values = _reward(proposals.codes)
        values[::5] = np.nan
        history.extend(proposals.codes, values, proposals.marks)
    return history, sampler


def test_replayed_after_a_restart_its_weights_are_equal_bit_by_bit() -> None:
    whole, first = _grown()
    parts, second = _grown(restarts=(1, 2, 5))
    assert np.array_equal(whole.codes, parts.codes)
    for sampler in (first, second):
        sampler.propose(TinySpace(), whole, 1, (9,))
    assert first._pupil is not None
    assert second._pupil is not None
    states = first._pupil.rule.state(), second._pupil.rule.state()
    assert all(bool((states[0][name] == states[1][name]).all()) for name in states[0])
    assert len(first._pupil.rewards) > 150


def test_another_history_is_learned_from_the_beginning() -> None:
    """One sampler, two studies: what it proposes depends on the history it is given alone."""
    history, used = _grown()
    other = History(history.codes.shape[1])
    other.extend(history.codes[:100], -history.values[:100], history.marks[:100])
    fresh = ReinforceSampler(3, batch=7, hidden=8).propose(TinySpace(), other, 20, (1,))
    again = used.propose(TinySpace(), other, 20, (1,))
    assert np.array_equal(fresh.codes, again.codes)


def test_candidates_of_others_teach_only_by_being_good() -> None:
    """Filled in at limits, or the best of an earlier round: they carry no mark."""
    space = TinySpace()
    history, _ = _grown(batches=1)
    unmarked = History(history.codes.shape[1])
    unmarked.extend(history.codes, history.values)
    assert all("reinforce" in marks for marks in history.marks)
    probabilities = []
    for known in (history, unmarked):
        sampler = ReinforceSampler(3, batch=7, hidden=8, entropy_weight=0)
        sampler.propose(space, known, 1, (0,))
        assert sampler._pupil is not None
        worst = np.nanargmin(known.values[:7, 0])
        found = sampler._pupil.rule.controller.log_prob(known.codes[[worst]])
        probabilities.append(float(found.detach()[0]))
    assert probabilities[0] < probabilities[1]


def test_updates_grow_rarer_with_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    monkeypatch.setattr(Reinforce, "update", lambda self, codes, rewards, own, active: rows.append(len(rewards)))
    sampler, history = ReinforceSampler(0, batch=10, largest_batch=32, hidden=4), History(3)
    history.extend(TinySpace(layers=1).sample(3000, np.random.default_rng(0)), np.ones((3000, 1)))
    sampler.propose(TinySpace(layers=1), history, 1, (0,))
    assert rows[:32] == [10] * 32  # up to 320 known
    assert rows[32:] == sorted(rows[32:])
    assert rows[-1] == 32
    assert 85 < len(rows) < 110  # 32 + 32 ln(3000 / 320) = 104, whole numbers apart


@pytest.fixture(scope="module")
def nb201(shared: Path) -> np.ndarray:
    """Validation accuracy on CIFAR-10 after 200 epochs, in percent, by code."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(shared / "tables" / "nb201.parquet", columns=["arch_str", "c10_val_200ep"]).to_pydict()
    space = get_space("nb201")
    found = np.zeros(tuple(space.sizes))
    columns = {choice: at for at, choice in enumerate(space.parameters[0].choices)}
    for text, accuracy in zip(table["arch_str"], table["c10_val_200ep"], strict=True):
        found[tuple(columns[edge.split("~")[0]] for edge in text.replace("+", "").split("|") if edge)] = accuracy
    return found


def test_beats_random_search_on_nas_bench_201(nb201: np.ndarray) -> None:
    """300 queries in batches of 10, real trained accuracies; random search needs a thousand for as much."""

    def best(sampler: ReinforceSampler | RandomSampler, seed: int) -> float:
        space, history = get_space("nb201"), History(6)
        for batch in range(30):
            codes = sampler.propose(space, history, 10, (seed, batch)).codes
            history.extend(codes, nb201[tuple(codes.T)][:, None], ({"reinforce": 1},) * 10)
        return float(history.values.max())

    learned = [best(ReinforceSampler(seed), seed) for seed in range(6)]
    drawn = [best(RandomSampler(seed), seed) for seed in range(6)]
    assert np.mean(learned) > np.mean(drawn) + 0.1
    assert np.mean(learned) > 91.2


@pytest.mark.parametrize(
    "wrong", [{"batch": 0}, {"largest_batch": 5}, {"seed": -1}, {"learning_rate": 0.0}, {"hidden": 0}]
)
def test_wrong_arguments_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match=rf"`{next(iter(wrong))}` of `\w+` must"):
        ReinforceSampler(**wrong)  # type: ignore[arg-type]
