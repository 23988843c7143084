"""`local`: the rules of the walk step by step, batches, limits, and the contracts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase

from presage.search.limits import Limits
from presage.search.samplers.history import History
from presage.search.samplers.local import LocalSearchSampler
from presage.search.studies.feasible import FeasibleDraws
from presage.search.testing import SamplerContract, TinySpace

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = TinySpace(layers=2)


class TestOptunasContract(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: LocalSearchSampler(seed=1)


class TestOurContract(SamplerContract):
    @pytest.fixture
    def make(self) -> Callable[[int], BaseSampler]:
        return LocalSearchSampler


def _good(codes: np.ndarray) -> np.ndarray:
    return (codes * [1.0, 0.3, 0.1, 2.0, 0.6, 0.2]).sum(axis=1, keepdims=True)


def _walk(trials: int, n: int = 1, good: Callable[[np.ndarray], np.ndarray] = _good) -> History:
    sampler, history = LocalSearchSampler(0), History(6)
    while len(history) < trials:
        proposals = sampler.propose(SPACE, history, n, (0, len(history)))
        history.extend(proposals.codes, good(proposals.codes), proposals.marks)
    return history


def test_it_looks_at_all_neighbours_and_goes_to_the_best() -> None:
    history = _walk(60)
    around = {code.tobytes() for code in SPACE.neighbours(history.codes[0])}
    looked = history.codes[1 : 1 + len(around)]
    assert {code.tobytes() for code in looked} == around
    best = 1 + int(history.values[1 : 1 + len(around), 0].argmax())
    assert {mark["local:centre"] for mark in history.marks[1 : 1 + len(around)]} == {0}
    assert history.marks[1 + len(around)]["local:centre"] == best


def test_nothing_is_tried_twice_before_everything_was_near_a_walk() -> None:
    history = _walk(60)
    assert len(np.unique(history.codes, axis=0)) == 60


def test_from_the_top_a_new_walk_begins() -> None:
    """The function is separable, so a walk ends at the best code of all."""
    history = _walk(120)
    top = SPACE.sizes - 1
    at = int(np.flatnonzero((history.codes == top).all(axis=1))[0])
    walks = [mark["local:walk"] for mark in history.marks]
    assert at < 60
    assert set(walks[: at + 1]) == {0}
    assert max(walks) >= 1


def test_a_walk_whose_first_network_fails_is_given_up() -> None:
    history = _walk(5, good=lambda codes: np.full((len(codes), 1), np.nan))
    assert [mark["local:walk"] for mark in history.marks] == [0, 1, 2, 3, 4]


def test_a_batch_continues_the_best_walks() -> None:
    history = _walk(40, n=20)
    assert [mark["local:walk"] for mark in history.marks[:20]] == list(range(20))
    best = int(history.values[:20, 0].argmax())
    assert history.marks[20] == {"local:walk": best, "local:centre": best}


def test_neighbours_over_a_limit_do_not_hold_a_walk_for_ever() -> None:
    limits = Limits(parameters=60)
    draws, history = FeasibleDraws(SPACE, LocalSearchSampler(0), limits, (1, 8, 8), 2), History(6)
    while len(history) < 40:
        found = draws.draw(history, 1, (0, len(history)))
        assert len(found)
        history.extend(found.codes, _good(found.codes), found.marks)
    assert len({mark.get("local:walk") for mark in history.marks}) > 1


def test_it_beats_random_where_neighbours_are_alike() -> None:
    assert _walk(50).values.max() > np.mean([_good(SPACE.sample(50, np.random.default_rng(i))).max() for i in range(9)])
