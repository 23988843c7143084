"""Hard limits and the candidates drawn within them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from presage.architecture.batch.costs import CostArrays
from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.costs import costs
from presage.architecture.spaces.space import Codes, Space
from presage.errors import InvalidArgument, NothingFeasible, UnknownName
from presage.search.limits import Limits
from presage.search.samplers import Proposals, RandomSampler
from presage.search.samplers.history import History
from presage.search.strategies import get_proposer
from presage.search.studies.feasible import FeasibleDraws
from presage.search.testing import TinySpace

SPACE = TinySpace()
SHAPE, CLASSES = (1, 8, 8), 10


def _arrays() -> CostArrays:
    return CostArrays(np.array([10, 20, 30]), np.array([5, 50, 5]), np.array([7, 7, 7]), np.array([1, 1, 1]))


def test_a_network_is_allowed_up_to_and_including_every_limit() -> None:
    assert Limits().allow(_arrays()).tolist() == [True, True, True]
    assert Limits(parameters=20).allow(_arrays()).tolist() == [True, True, False]
    assert Limits(parameters=20, multiply_adds=49).allow(_arrays()).tolist() == [True, False, False]
    assert Limits(parameters=20, multiply_adds=25).excess(_arrays()).tolist() == [0.5, 2.0, 1.5]


@pytest.mark.parametrize(
    "wrong",
    [
        {"parameters": 0},
        {"multiply_adds": -3},
        {"activation_bytes": 1.5},
        {"latency_seconds": 0},
        {"latency_seconds": float("nan")},
        {"latency_seconds": True},
    ],
)
def test_limits_that_are_no_counts_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=f"`{next(iter(wrong))}` of `Limits`"):
        Limits(**wrong)


def test_limits_are_the_same_after_json_and_unknown_ones_are_named() -> None:
    limits = Limits(parameters=7, latency_seconds=0.25)
    assert Limits.from_json(limits.to_json()) == limits
    with pytest.raises(UnknownName, match="Did you mean `parameters`"):
        Limits.from_json({"parametres": 7})


@pytest.mark.parametrize("strategy", ["random", "evolution", "tpe"])
def test_no_draw_is_over_a_limit_that_one_network_in_a_hundred_satisfies(strategy: str) -> None:
    sample = SPACE.sample(2000, np.random.default_rng(0))
    sizes = [costs(SPACE.decode(SPACE.params(code)), SHAPE, CLASSES).parameters for code in sample[:500]]
    limits = Limits(parameters=int(np.percentile(sizes, 1)))
    draws = FeasibleDraws(SPACE, get_proposer(strategy, 0), limits, SHAPE, CLASSES)
    history = History(len(SPACE.parameters))
    n = 5 if strategy == "tpe" else 20
    for batch in range(2):
        found = draws.draw(history, n, (0, batch))
        assert len(found) == len(found.graphs) == n
        for at in range(n):
            cost = costs(SPACE.decode(SPACE.params(found.codes[at])), SHAPE, CLASSES)
            assert cost.parameters <= (limits.parameters or 0)
            assert found.costs[at].tolist() == [cost.parameters, cost.multiply_adds, cost.activation_bytes]
            assert found.graphs.architecture(at) == SPACE.decode(SPACE.params(found.codes[at]))
        history.extend(found.codes, found.costs[:, :1] * 1.0)


def test_an_impossible_limit_ends_in_bounded_time_and_says_how_near_the_nearest_came() -> None:
    draws = FeasibleDraws(SPACE, RandomSampler(0), Limits(parameters=3), SHAPE, CLASSES)
    # the smallest: width 2 and kernel 1 throughout: 1·2 + 2·2 + 2·2 weights, and a classifier of 2·10 + 10
    with pytest.raises(NothingFeasible, match=r"No network of the space `tiny` is within 3 parameters .* 40 param"):
        draws.draw(History(len(SPACE.parameters)), 8, (0,))


class _Wrong:
    """Proposes codes that are no choices."""

    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        return Proposals(np.full((n, len(space.parameters)), 99))


def test_codes_outside_the_space_are_dropped_and_replaced() -> None:
    draws = FeasibleDraws(SPACE, _Wrong(), Limits(), SHAPE, CLASSES)
    found = draws.draw(History(len(SPACE.parameters)), 8, (0,))
    assert len(found) == 8
    assert SPACE.valid(found.codes).all()


class _CountingSpace(TinySpace):
    """Counts the networks it writes out."""

    def __init__(self) -> None:
        super().__init__()
        self.decoded = 0

    def decode_batch(self, codes: Codes) -> GraphBatch:
        self.decoded += len(codes)
        return super().decode_batch(codes)


def test_a_code_over_a_limit_is_looked_at_once_and_one_within_is_kept_each_time() -> None:
    space = _CountingSpace()
    draws = FeasibleDraws(space, RandomSampler(0), Limits(parameters=100), SHAPE, CLASSES)
    codes = space.sample(200, np.random.default_rng(0))
    first = draws.costed(codes)
    assert 0 < len(first) < 200
    assert space.decoded == 200
    again = draws.costed(codes)
    np.testing.assert_array_equal(again.codes, first.codes)
    np.testing.assert_array_equal(again.costs, first.costs)
    assert space.decoded == 200 + len(first)
