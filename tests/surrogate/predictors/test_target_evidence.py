"""Labels of the target override what was believed of it, and no sound belief is thrown away."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from presage.architecture.spaces import get_space
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.metrics import kendall_tau
from presage.surrogate.predictors.gp import GaussianProcess
from presage.surrogate.predictors.prediction import Estimate
from presage.surrogate.predictors.residual_process import PRIOR, ResidualProcess
from presage.surrogate.predictors.target_evidence import TargetEvidence, _borne_out
from presage.surrogate.predictors.within_space import NormalScores, WithinSpace
from presage.surrogate.testing import synthetic_task, true_accuracy


def networks(n: int, seed: int):  # type: ignore[no-untyped-def]
    space = get_space("chain")
    return space.decode_batch(space.sample(n, np.random.default_rng(seed)))


def prior_process(features: NDArray[np.float32]) -> ResidualProcess:
    """As it is before data speak."""
    process = ResidualProcess()
    process.centre_, process.deviation_ = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    process.logs_, process.length_ = np.log(PRIOR), 10.0
    return process


def test_leaving_out_by_the_formula_is_leaving_out() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 3)), rng.standard_normal(12)
    process = GaussianProcess().fit(x, y)
    from presage.surrogate.predictors.gp import distances, matern_52, with_noise

    gram = with_noise(
        matern_52(distances(process.points_, process.points_).astype(np.float64), process.length_), process.noise_
    )
    others = np.arange(12) != 4
    weights = np.linalg.solve(gram[np.ix_(others, others)], y[others] - process.mean_)
    assert process.left_out_[4] == pytest.approx(process.mean_ + gram[4, others] @ weights, abs=1e-4)


@pytest.mark.parametrize(("sign", "believed"), [(1.0, True), (-1.0, False)])
def test_a_prior_is_believed_as_far_as_it_is_borne_out(sign: float, believed: bool) -> None:
    task, trained, others = synthetic_task(1003), networks(40, 0), networks(200, 1)
    truth, noise = true_accuracy(others, task), np.random.default_rng(2)
    prior = sign * to_logit(true_accuracy(trained, task)) + 0.3 * noise.standard_normal(40)
    wanted = sign * to_logit(truth) + 0.3 * noise.standard_normal(200)
    alone = WithinSpace((3, 16, 16))
    x, y = alone.encode(trained), alone.encode(others)
    accuracy = true_accuracy(trained, task)
    without = kendall_tau(truth, alone.learn(x, accuracy).latent(y)[0])
    told = WithinSpace((3, 16, 16)).learn(x, accuracy, prior)
    within = kendall_tau(truth, told.latent(y, wanted)[0])
    assert (told.share_ > 0.5) == believed
    assert within > without + 0.03 if believed else within > without - 0.05
    assert np.corrcoef(told.left_out(prior), told.scores_(accuracy))[0, 1] > 0.5


def test_trees_start_from_what_is_believed_or_err_by_themselves() -> None:
    task, trained, others = synthetic_task(1003), networks(40, 0), networks(60, 1)
    accuracy = true_accuracy(trained, task)
    alone = WithinSpace((3, 16, 16))
    x, y = alone.encode(trained), alone.encode(others)
    prior, wanted = to_logit(accuracy), to_logit(true_accuracy(others, task))
    apart = WithinSpace((3, 16, 16)).learn(x, accuracy, prior, start=0.0)
    trees = [np.mean([tree.predict(y) for tree in model.trees_], axis=0) for model in (alone.learn(x, accuracy), apart)]
    np.testing.assert_array_equal(trees[0], trees[1])  # of the accuracies themselves
    process = WithinSpace((3, 16, 16), bags=0).learn(x, accuracy, prior)
    assert process.share_ > 0.5
    np.testing.assert_allclose(apart.latent(y, wanted)[0], (process.latent(y, wanted)[0] + trees[1]) / 2)
    from_it = WithinSpace((3, 16, 16)).learn(x, accuracy, prior)
    started = np.mean([tree.predict(y) for tree in from_it.trees_], axis=0)
    started += from_it.share_ * from_it._believed(y, wanted)
    np.testing.assert_allclose(from_it.latent(y, wanted)[0], (process.latent(y, wanted)[0] + started) / 2)


def test_beyond_experience_fifty_networks_speak_for_themselves() -> None:
    """The same networks and predictions: within experience the corrected prediction has more of the answer."""
    rng = np.random.default_rng(4)
    graphs, task = networks(50, 0), synthetic_task(1003)
    features = WithinSpace((3, 16, 16)).encode(graphs)
    accuracy = true_accuracy(graphs, task)
    process = prior_process(features)
    estimate = Estimate(from_logit(to_logit(accuracy) + 0.5 * rng.standard_normal(50)), np.full(50, 0.05))
    shares = {}
    for k in (6, 50):
        some = np.arange(k)
        observed = process.observations(features[some], estimate.take(some), accuracy[some])
        for distance in (0.0, 0.4, 1.0):
            fitted = TargetEvidence().fit(features[some], accuracy[some], process, observed, 0.9, distance)
            shares[k, distance] = fitted.share_
    assert shares[50, 0.0] > shares[50, 0.4] > shares[50, 1.0]
    assert shares[50, 1.0] < 0.2
    assert shares[6, 0.4] > shares[50, 0.4]


@pytest.mark.parametrize(("k", "distance"), [(60, 1.0), (100, 0.1)])
def test_a_sound_prediction_beyond_experience_is_kept_however_many_labels_come(k: int, distance: float) -> None:
    """Labels bear out what no feature of the networks tells: half of how they differ is drawn by lot."""
    rng = np.random.default_rng(5)
    graphs, n = networks(k + 100, 0), k + 100
    features = WithinSpace((3, 16, 16)).encode(graphs)
    logit = to_logit(true_accuracy(graphs, synthetic_task(1003)))
    logit = logit + logit.std() * rng.standard_normal(n)
    accuracy = from_logit(logit)
    process = prior_process(features)
    estimate = Estimate(from_logit(logit + 0.1 * logit.std() * rng.standard_normal(n)), np.full(n, 0.05))
    told, others = np.arange(k), np.arange(k, n)
    observed = process.observations(features[told], estimate.take(told), accuracy[told])
    fitted = TargetEvidence().fit(features[told], accuracy[told], process, observed, 0.9, distance)
    corrected = process.posterior(observed, process.standard(features[others]), estimate.take(others))
    answer = fitted.apply(corrected, to_logit(estimate.value[others]), features[others])
    alone = WithinSpace((3, 16, 16)).learn(features[told], accuracy[told]).latent(features[others])[0]
    assert kendall_tau(accuracy[others], alone) < 0.6
    assert kendall_tau(accuracy[others], answer.value) > 0.85
    assert fitted.regression_.start_ > 0.5


def test_a_prediction_that_labels_do_not_bear_out_is_not_started_from() -> None:
    rng = np.random.default_rng(6)
    graphs = networks(60, 0)
    features = WithinSpace((3, 16, 16)).encode(graphs)
    accuracy = true_accuracy(graphs, synthetic_task(1003))
    nonsense = rng.standard_normal(60)
    start, judged = _borne_out(features, accuracy, nonsense)
    sound, closer = _borne_out(features, accuracy, to_logit(accuracy))
    assert WithinSpace().learn(features, accuracy, nonsense, start=start).start_ < 0.1
    assert sound > 0.5
    wanted = NormalScores().fit(accuracy)(accuracy)
    assert np.mean((closer - wanted) ** 2) < np.mean((judged - wanted) ** 2)


def test_without_a_prior_nothing_is_believed() -> None:
    trained = networks(30, 0)
    model = WithinSpace().fit(trained, true_accuracy(trained, synthetic_task(1)))
    assert model.share_ == 0
    assert len(model.beliefs_) == 1
