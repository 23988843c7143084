"""`Ensemble`: the contract, weights that left-out datasets choose, and members that are shared, not fitted twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from presage.errors import InvalidArgument
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean, NearestDataset
from presage.surrogate.predictors.ensemble import Ensemble, _best_weights, _grid
from presage.surrogate.predictors.prediction import Estimate
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.testing import PredictorContract, synthetic_experience


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
    std_error = np.full(len(experience), 0.1)
    noise = np.random.default_rng(0).uniform(0.2, 0.8, len(experience))
    right, wrong = Estimate(experience.accuracy, std_error), Estimate(noise, std_error)
    whole = np.ones(len(experience), bool)
    np.testing.assert_allclose(_best_weights([wrong, right], experience, whole), [0, 1])
    np.testing.assert_allclose(_best_weights([right, wrong], experience, whole), [1, 0])


def test_two_equally_noisy_members_share_the_weight() -> None:
    experience = synthetic_experience(5, 40)
    rng = np.random.default_rng(0)
    std_error = np.full(len(experience), 0.1)
    noisy = [
        Estimate(np.clip(experience.accuracy + 0.1 * rng.standard_normal(len(experience)), 0.01, 0.99), std_error)
        for _ in range(2)
    ]
    assert 0.3 <= _best_weights(noisy, experience, np.ones(len(experience), bool))[0] <= 0.7


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


def test_rows_that_calibrate_intervals_had_no_say_in_their_weights() -> None:
    """Poison one dataset's accuracies: the weights of its own left-out estimates stay what they were."""
    experience = synthetic_experience(6, 20)
    own = experience.group == 2

    def left_out(accuracy: np.ndarray) -> np.ndarray:
        poisoned = replace(experience, accuracy=accuracy, _source=None)
        members = {"cost-only": CostOnly(folds=3), "nearest-dataset": NearestDataset(folds=3)}
        for member in members.values():
            member.fit(experience)  # only the choice of weights sees the poison
        return Ensemble("cost-only,nearest-dataset", folds=3).fit(poisoned, members).left_out_.value[own]

    poison = np.where(own, 1 - experience.accuracy, experience.accuracy)
    np.testing.assert_array_equal(left_out(poison), left_out(experience.accuracy))


def test_progress_counts_the_steps_of_all_members() -> None:
    experience, steps = synthetic_experience(5, 12), list[tuple[int, int]]()
    ensemble = Ensemble(members="cost-only,dataset-mean", folds=3)
    ensemble.fit(experience, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(step, 8) for step in range(1, 9)]  # two members of three folds and a last fit
    assert ensemble.fit_steps(experience) == 8


def test_members_named_twice_or_unknown_are_refused() -> None:
    experience = synthetic_experience(2, 4)
    with pytest.raises(InvalidArgument, match="name each predictor once"):
        Ensemble(members="cost-only,cost-only").fit(experience)
    with pytest.raises(ValueError, match="Did you mean `cost-only`"):
        Ensemble(members="cost-ony").fit(experience)
