"""The registry of strategies, and Optuna's samplers under our contract and as batch proposers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler

from presage.errors import InvalidArgument, UnknownName
from presage.search.samplers.history import History
from presage.search.strategies import SAMPLERS, get_proposer, get_sampler
from presage.search.testing import SamplerContract, TinySpace

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = TinySpace()


class TestRandom(SamplerContract):
    several_objectives = True
    resumes_exactly = False

    @pytest.fixture
    def make(self) -> Callable[[int], BaseSampler]:
        return lambda seed: get_sampler("random", seed)


class TestTPE(SamplerContract):
    several_objectives = True
    resumes_exactly = False
    trials = 12

    @pytest.fixture
    def make(self) -> Callable[[int], BaseSampler]:
        return lambda seed: get_sampler("tpe", seed)


class TestNSGAII(SamplerContract):
    several_objectives = True
    resumes_exactly = False

    @pytest.fixture
    def make(self) -> Callable[[int], BaseSampler]:
        return lambda seed: get_sampler("nsgaii", seed)


def test_an_unknown_strategy_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"No strategy is named `evolutoin`\. Did you mean `evolution`"):
        get_sampler("evolutoin")


def test_evolution_refuses_several_objectives_and_names_who_serves_them() -> None:
    with pytest.raises(InvalidArgument, match="`nsgaii`"):
        get_proposer("evolution", objectives=2)


@pytest.mark.parametrize("name", ["darts", "evolution", "local", "reinforce"])
def test_in_a_study_of_several_objectives_too(name: str) -> None:
    sampler = get_sampler(name, 0)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    with pytest.raises(InvalidArgument, match=rf"`study` of `{type(sampler).__name__}` .*\. Got 2\. .*`bayes`"):
        study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 0.0), n_trials=1)


@pytest.mark.parametrize("name", ["bayes", "darts", "evolution", "local", "progressive", "reinforce"])
def test_a_seed_below_zero_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match=r"`seed` of `\w+Sampler` must be None or at least 0\. Got -1"):
        get_sampler(name, -1)


def _goodness(codes: np.ndarray) -> np.ndarray:
    return codes[:, :1] * 1.0 + codes[:, 1:2] * 0.5


def _batches(name: str, batches: int, restart_before: int | None = None, n: int = 40) -> History:
    history = History(len(SPACE.parameters))
    proposer = get_proposer(name, 3)
    for batch in range(batches):
        if batch == restart_before:
            proposer = get_proposer(name, 3)
        proposals = proposer.propose(SPACE, history, n, (3, batch))
        codes = SPACE.normalise(proposals.codes)
        history.extend(codes, _goodness(codes), proposals.marks)
    return history


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_every_strategy_proposes_batches_that_depend_on_seed_and_history_alone(name: str) -> None:
    n = 12 if name == "tpe" else 40  # its cost grows with what it knows
    whole = _batches(name, 5, n=n)
    assert SPACE.valid(whole.codes).all()
    assert len(whole) == 5 * n
    restarted = _batches(name, 5, restart_before=3, n=n)
    assert (restarted.codes == whole.codes).all()


@pytest.mark.parametrize("name", ["bayes", "evolution", "nsgaii", "tpe"])
def test_a_strategy_that_learns_improves_over_its_batches(name: str) -> None:
    n = 15 if name == "tpe" else 40
    values = _batches(name, 8, n=n).values[:, 0]
    assert values[-2 * n :].mean() > values[: 2 * n].mean() + 0.3


def test_several_objectives_in_batches() -> None:
    history = History(len(SPACE.parameters), 2)
    proposer = get_proposer("nsgaii", 0, objectives=2)
    for batch in range(3):
        proposals = proposer.propose(SPACE, history, 30, (0, batch))
        history.extend(proposals.codes, np.hstack([_goodness(proposals.codes)] * 2), proposals.marks)
    assert len(history) == 90
    assert history.scored.all()


def test_history_grows_and_marks_unscored_rows() -> None:
    history = History(2)
    for start in range(0, 3000, 500):
        codes = np.arange(start, start + 500)[:, None] * np.ones((1, 2), np.int64)
        values = np.where(codes[:, :1] % 7 == 0, np.nan, codes[:, :1])
        history.extend(codes, values)
    assert (history.codes[:, 0] == np.arange(3000)).all()
    assert history.scored.sum() == 3000 - len(range(0, 3000, 7))
    assert len(history.first(10)) == 10
