"""Labels of the target override what was believed of it, and no sound belief is thrown away."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.spaces import get_space
from presage.surrogate.data.logit import to_logit
from presage.surrogate.metrics import kendall_tau
from presage.surrogate.predictors.gp import GaussianProcess
from presage.surrogate.predictors.within_space import WithinSpace
from presage.surrogate.testing import synthetic_task, true_accuracy


def networks(n: int, seed: int):  # type: ignore[no-untyped-def]
    space = get_space("chain")
    return space.decode_batch(space.sample(n, np.random.default_rng(seed)))


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


def test_without_a_prior_nothing_is_believed() -> None:
    trained = networks(30, 0)
    model = WithinSpace().fit(trained, true_accuracy(trained, synthetic_task(1)))
    assert model.share_ == 0
    assert len(model.beliefs_) == 1
