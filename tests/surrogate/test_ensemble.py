"""`Ensemble`: the contract, weights that left-out datasets choose, and members that are shared, not fitted twice."""

from __future__ import annotations

import numpy as np
import pytest

from presage_errors import InvalidArgument
from surrogate.baselines import CostOnly, DatasetMean
from surrogate.ensemble import Ensemble, _best_weights, _grid
from surrogate.prediction import Estimate
from surrogate.predictor import Predictor
from surrogate.testing import PredictorContract, synthetic_experience


class TestEnsemble(PredictorContract):
    least_tau, most_mse = 0.55, 0.01

    def make(self) -> Predictor:
        return Ensemble(members="cost-only,nearest-dataset")


def test_grid_holds_all_weights_once() -> None:
    for members, count in ((1, 1), (2, 11), (3, 66)):
        grid = np.array(_grid(members, 10))
        assert len(grid) == len(np.unique(grid.round(6), axis=0)) == count
        np.testing.assert_allclose(grid.sum(axis=1), 1)
        assert (grid >= 0).all()


def test_all_weight_goes_to_the_member_that_is_right() -> None:
    experience = synthetic_experience(5, 20)
    doubt = np.full(len(experience), 0.1)
    noise = np.random.default_rng(0).uniform(0.2, 0.8, len(experience))
    right, wrong = Estimate(experience.accuracy, doubt), Estimate(noise, doubt)
    np.testing.assert_allclose(_best_weights([wrong, right], experience), [0, 1])
    np.testing.assert_allclose(_best_weights([right, wrong], experience), [1, 0])


def test_two_equally_noisy_members_share_the_weight() -> None:
    experience = synthetic_experience(5, 40)
    rng = np.random.default_rng(0)
    doubt = np.full(len(experience), 0.1)
    noisy = [
        Estimate(np.clip(experience.accuracy + 0.1 * rng.standard_normal(len(experience)), 0.01, 0.99), doubt)
        for _ in range(2)
    ]
    assert 0.3 <= _best_weights(noisy, experience)[0] <= 0.7


def test_fitted_members_are_used_as_they_are() -> None:
    experience = synthetic_experience(4, 20)
    ensemble = Ensemble(members="cost-only,dataset-mean")
    member = CostOnly().fit(experience)
    assert ensemble.could_use(member)
    assert not ensemble.could_use(CostOnly(penalty=3.0))
    assert not ensemble.could_use(Ensemble())
    ensemble.fit(experience, {"cost-only": member, "dataset-mean": DatasetMean().fit(experience)})
    assert ensemble.fitted_[0] is member
    alone = Ensemble(members="cost-only,dataset-mean").fit(experience)
    graphs, task = experience.graphs.take(np.arange(10)), experience.tasks[1]
    np.testing.assert_array_equal(ensemble.predict(graphs, task).value, alone.predict(graphs, task).value)


def test_members_named_twice_or_unknown_are_refused() -> None:
    experience = synthetic_experience(2, 4)
    with pytest.raises(InvalidArgument, match="name each predictor once"):
        Ensemble(members="cost-only,cost-only").fit(experience)
    with pytest.raises(ValueError, match="Did you mean `cost-only`"):
        Ensemble(members="cost-ony").fit(experience)
