"""`progressive`: where it begins, that it only grows from the front, and the contracts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, MultiObjectiveSamplerTestCase, RelativeSamplerTestCase

from presage.architecture.costs import costs
from presage.architecture.spaces import Codes, Space, get_space
from presage.search.samplers.history import History
from presage.search.samplers.network_features import network_features
from presage.search.samplers.progressive import ProgressiveSampler, front
from presage.search.testing import SamplerContract, TinySpace

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE, SHAPE = TinySpace(), (3, 32, 32)


class TestOptunasContract(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: ProgressiveSampler(seed=1, initial=2)

    @pytest.fixture
    def multi_objective_sampler(self) -> Callable[[], BaseSampler]:
        return lambda: ProgressiveSampler(seed=1, initial=2)


class TestOurContract(SamplerContract):
    several_objectives = True
    trials = 10

    @pytest.fixture
    def make(self) -> Callable[[int], BaseSampler]:
        return lambda seed: ProgressiveSampler(seed, initial=3)


def network_size(space: Space, codes: Codes, shape: tuple[int, int, int], classes: int) -> np.ndarray:
    return network_features(space, shape, classes).sizes(codes)


def _brute_front(values: np.ndarray) -> list[int]:
    return [
        row
        for row, one in enumerate(values)
        if not any((other >= one).all() and ((other > one).any() or at < row) for at, other in enumerate(values))
    ]


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_the_front_is_that_of_comparing_all_pairs(columns: int) -> None:
    for seed in range(5):
        values = np.random.default_rng(seed).integers(0, 5, (60, columns)).astype(float)
        assert front(values).tolist() == _brute_front(values)


def test_size_is_multiply_adds() -> None:
    codes = SPACE.sample(5, np.random.default_rng(0))
    expected = [costs(SPACE.decode(SPACE.params(code)), SHAPE, 10).multiply_adds for code in codes]
    assert network_size(SPACE, codes, SHAPE, 10).tolist() == expected


@pytest.mark.parametrize("name", ["chain", "nb201", "mobile"])
def test_it_begins_with_small_networks(name: str) -> None:
    space = get_space(name)
    begun = ProgressiveSampler(0).propose(space, History(len(space.sizes)), 5, (0, 0)).codes
    drawn = network_size(space, space.sample(300, np.random.default_rng(1)), SHAPE, 10)
    assert network_size(space, begun, SHAPE, 10).max() <= np.percentile(drawn, 5)
    assert space.valid(begun).all()


def test_every_network_grows_from_the_front_by_at_most_three_changes() -> None:
    sampler, history = ProgressiveSampler(0), History(9)
    numbers = np.random.default_rng(0)
    for step in range(25):
        code = sampler.propose(SPACE, history, 1, (0, step)).codes
        size = network_size(SPACE, code, SHAPE, 10)[0]
        if step >= 5:
            sizes = network_size(SPACE, history.codes, SHAPE, 10)
            parents = front(np.column_stack([history.values, -sizes]))
            alike = (history.codes[parents] != code).sum(axis=1) <= 3
            assert (alike & (sizes[parents] <= size)).any()
        history.extend(code, np.array([[np.log(size) + 0.1 * numbers.random()]]))
    sizes = network_size(SPACE, history.codes, SHAPE, 10)
    assert sizes[-5:].mean() > 5 * sizes[:5].mean()


def test_where_size_does_not_pay_it_stays_small() -> None:
    sampler, history = ProgressiveSampler(0), History(9)
    for step in range(25):
        code = sampler.propose(SPACE, history, 1, (0, step)).codes
        history.extend(code, (code[:, [2]] == 0) - 1e-7 * network_size(SPACE, code, SHAPE, 10)[:, None])
    sizes = network_size(SPACE, history.codes, SHAPE, 10)
    drawn = network_size(SPACE, SPACE.sample(300, np.random.default_rng(1)), SHAPE, 10)
    assert np.median(sizes) < np.median(drawn)


def test_a_front_that_cannot_grow_is_changed_all_the_same() -> None:
    best = {"width": 8, "kernel": 3, "then": "relu"}
    largest = SPACE.codes([{name: best[name.rstrip("012")] for name in SPACE.columns}])
    history = History(9)
    history.extend(largest, np.array([[1.0]]))
    found = ProgressiveSampler(0, initial=1).propose(SPACE, history, 3, (0, 0)).codes
    assert SPACE.valid(found).all()
    assert not (found == largest).all(axis=1).any()
