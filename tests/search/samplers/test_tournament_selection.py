"""Tournament selection: Optuna's own sampler contract, ours, and the two things in which it is not ageing evolution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase

from presage.architecture.spaces import get_space
from presage.errors import InvalidArgument
from presage.search.samplers import TournamentSelectionSampler
from presage.search.samplers.history import History
from presage.search.testing import SamplerContract


class TestOptunasContract(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: TournamentSelectionSampler(seed=1, population=2)


class TestOurContract(SamplerContract):
    @pytest.fixture
    def make(self) -> Callable[[int], BaseSampler]:
        return lambda seed: TournamentSelectionSampler(seed, population=8, share=0.3)


def test_in_a_study_the_best_ever_stays_a_parent_however_old() -> None:
    study = optuna.create_study(direction="maximize", sampler=TournamentSelectionSampler(3, population=5, share=1.0))
    kinds = {f"x{at}": CategoricalDistribution(list(range(6))) for at in range(6)}

    def add(value: float, code: int) -> None:
        study.add_trial(optuna.create_trial(params=dict.fromkeys(kinds, code), distributions=kinds, value=value))

    add(100.0, 5)
    for _ in range(3):  # drawn with replacement, a tournament of all misses one of them in a third of all cases
        for code in range(5):
            add(float(code), code)
    parents = []
    for _ in range(20):
        trial = study.ask(kinds)
        parents.append(sum(value == 5 for value in trial.params.values()) >= 5)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    assert sum(parents) > 8


def test_in_batches_the_best_ever_stays_a_parent_however_old() -> None:
    space = get_space("darts")
    numbers = np.random.default_rng(0)
    history = History(len(space.sizes))
    best = space.sample(1, numbers)
    history.extend(best, np.array([[1.0]]))
    history.extend(space.sample(400, numbers), np.zeros((400, 1)))
    children = TournamentSelectionSampler(0, share=1.0).propose(space, history, 40, (1,)).codes
    near = (children != best).sum(axis=1) <= 1
    assert near.sum() > 15  # 1 - 1/e of them expected, 25
    assert TournamentSelectionSampler(0).lives(401, 40) == 401


def test_the_tournament_is_a_share_of_all_alive() -> None:
    sampler = TournamentSelectionSampler(0)
    assert [sampler.drawn(alive) for alive in (1, 30, 200, 7000)] == [1, 2, 10, 350]


@pytest.mark.parametrize("share", [0.0, 1.5, -0.1])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(InvalidArgument, match="share"):
        TournamentSelectionSampler(0, share=share)
