"""Which networks count as trained: the same for every method, never among those that are scored."""

from __future__ import annotations

import numpy as np
import pytest

from presage.errors import InvalidArgument
from presage.surrogate.evaluation.shots import ShotPlan, shot_score
from presage.surrogate.predictors.prediction import Prediction


def test_trained_and_scored_networks_never_meet_and_are_the_same_for_every_k() -> None:
    draws = ShotPlan(counts=(5, 10, 20), draws=3, least_scored=8).of("task", 30)
    assert len(draws) == 3
    for draw in draws:
        assert draw.counts == (5, 10, 20)
        assert sorted(draw.order) == list(range(30))
        assert len(draw.scored) == 10
        assert not set(draw.order[:20]) & set(draw.scored)
    assert not np.array_equal(draws[0].order, draws[1].order)


def test_draws_depend_on_seed_task_and_number_alone() -> None:
    plan = ShotPlan(draws=2)
    np.testing.assert_array_equal(plan.of("task", 80)[1].order, plan.of("task", 80)[1].order)
    # a plan of fewer k draws the same networks
    np.testing.assert_array_equal(plan.of("task", 80)[0].order, ShotPlan(counts=(3,)).of("task", 80)[0].order)
    for other in (plan.of("other", 80), ShotPlan(draws=2, seed=1).of("task", 80)):
        assert not np.array_equal(plan.of("task", 80)[0].order, other[0].order)


def test_a_dataset_with_few_networks_goes_without_large_k() -> None:
    plan = ShotPlan(counts=(5, 10, 20, 50), draws=1, least_scored=20)
    assert plan.of("task", 110)[0].counts == (5, 10, 20, 50)
    assert plan.of("task", 69)[0].counts == (5, 10, 20)
    assert len(plan.of("task", 69)[0].scored) == 49
    assert plan.of("task", 24) == []


@pytest.mark.parametrize("counts", [(), (0, 5), (10, 5), (5, 5)])
def test_numbers_that_do_not_rise_are_refused(counts: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match="`counts` of `ShotPlan`"):
        ShotPlan(counts=counts)


def test_a_score_is_the_mean_over_draws() -> None:
    truth = np.array([0.1, 0.2, 0.3])
    right = Prediction(truth, truth - 0.1, truth + 0.1, 0.9)
    reverse = Prediction(truth[::-1], truth - 0.1, truth + 0.2, 0.9)
    score = shot_score("name", 7, [(truth, right), (truth, reverse)])
    assert (score.method, score.k, score.networks) == ("name", 7, 3)
    assert score.kendall_tau == pytest.approx(0.0)
    assert score.mse == pytest.approx((0 + (0.04 + 0 + 0.04) / 3) / 2)
    assert score.coverage == 1.0
    assert score.width == pytest.approx(0.25)
    bare = shot_score("name", 7, [(truth, truth)])
    assert bare.kendall_tau == pytest.approx(1.0)
    assert bare.coverage is None
