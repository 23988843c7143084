"""Gaussian processes: kernels and likelihood against scikit-learn's and scipy's, and where points are few or alike."""

from __future__ import annotations

import numpy as np
import pytest

from presage.surrogate.predictors.gp import (
    GaussianProcess,
    distances,
    matern_32,
    matern_52,
    most_probable,
    negative_log_likelihood,
    squared_differences,
    squared_exponential,
    symmetric_distances,
    with_noise,
)


def _points(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4)).astype(np.float32)
    return x, np.sin(x[:, 0]) + 0.5 * x[:, 1] + 0.05 * rng.standard_normal(n)


def test_it_is_the_gaussian_process_of_scikit_learn_with_the_settings_it_found() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern

    x, y = _points(60)
    test = _points(40, seed=1)[0]
    process = GaussianProcess(clip=100.0).fit(x, y)
    mean, deviation = process.predict(test)
    standard = (np.concatenate([x, test]).astype(np.float64) - x.mean(axis=0)) / x.std(axis=0)
    reference = GaussianProcessRegressor(Matern(process.length_, nu=2.5), alpha=process.noise_, optimizer=None)
    expected, spread = reference.fit(standard[:60], y - y.mean()).predict(standard[60:], return_std=True)
    np.testing.assert_allclose(mean, expected + y.mean(), atol=1e-4)
    np.testing.assert_allclose(deviation, spread * process.variance_**0.5, atol=2e-3)


def test_the_settings_found_have_the_largest_marginal_likelihood_of_their_neighbours() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    x, y = _points(60)
    process = GaussianProcess().fit(x, y)
    standard = (x.astype(np.float64) - x.mean(axis=0)) / x.std(axis=0)

    def likelihood(length: float, noise: float) -> float:
        kernel = ConstantKernel(process.variance_) * Matern(length, nu=2.5)
        model = GaussianProcessRegressor(kernel, alpha=noise * process.variance_, optimizer=None)
        return float(model.fit(standard, y - y.mean()).log_marginal_likelihood_value_)

    best = likelihood(process.length_, process.noise_)
    for factor in (1.5, 1 / 1.5):
        assert likelihood(process.length_ * factor, process.noise_) < best
    for factor in (4, 1 / 4):
        assert likelihood(process.length_, process.noise_ * factor) < best


def test_it_predicts_a_smooth_function_and_doubts_where_it_saw_nothing() -> None:
    x, y = _points(200)
    process = GaussianProcess().fit(x, y)
    test, truth = _points(200, seed=1)
    mean, near = process.predict(test)
    assert np.mean((mean - truth) ** 2) < 0.1 * truth.var()
    far = process.predict(np.full((1, 4), 3.5, np.float32))[1]
    assert far[0] > 2 * np.median(near)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_points_alike_or_not_are_enough(n: int) -> None:
    for x in (np.ones((n, 3), np.float32), np.arange(3 * n, dtype=np.float32).reshape(n, 3)):
        mean, deviation = GaussianProcess().fit(x, np.zeros(n)).predict(np.zeros((5, 3), np.float32))
        assert np.allclose(mean, 0)
        assert (deviation > 0).all()


def test_columns_of_weight_nothing_change_nothing() -> None:
    x, y = _points(50)
    noise = np.random.default_rng(2).standard_normal((50, 4)).astype(np.float32)
    both = GaussianProcess().fit(np.hstack([x, noise]), y, np.repeat([1.0, 0.0], 4))
    test = _points(20, seed=1)[0]
    expected = GaussianProcess().fit(x, y).predict(test)[0]
    np.testing.assert_allclose(both.predict(np.hstack([test, test]))[0], expected, atol=1e-4)


def test_kernels_are_those_of_scikit_learn() -> None:
    from sklearn.gaussian_process.kernels import RBF, Matern

    left, right = (np.random.default_rng(seed).standard_normal((20 + seed, 3)) for seed in range(2))
    apart = distances(left, right)
    np.testing.assert_allclose(matern_32(apart, 0.7, 2.5), 2.5 * Matern(0.7, nu=1.5)(left, right), atol=1e-12)
    np.testing.assert_allclose(matern_52(apart, 0.7), Matern(0.7, nu=2.5)(left, right), atol=1e-12)
    smooth = squared_exponential(squared_differences(left, right), 0.49)
    np.testing.assert_allclose(smooth, RBF(0.7)(left, right), atol=1e-12)
    assert (
        matern_32(apart.astype(np.float32), 0.7).dtype == matern_52(apart.astype(np.float32), 0.7).dtype == np.float32
    )


def test_three_ways_to_a_distance_agree() -> None:
    from scipy.spatial.distance import cdist

    points = np.random.default_rng(0).standard_normal((30, 5))
    expected = cdist(points, points)
    np.testing.assert_allclose(distances(points, points), expected, atol=1e-6)
    np.testing.assert_allclose(squared_differences(points, points), expected**2, atol=1e-12)
    found = symmetric_distances(points)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(found, found.T)


def test_likelihood_is_that_of_a_normal_distribution_up_to_its_constant() -> None:
    from scipy.stats import multivariate_normal

    points, values = np.linspace(0, 3, 6)[:, None], np.array([0.1, 0.4, -0.2, 0.3, 1.0, 0.5])
    noise = np.linspace(0.1, 0.6, 6)
    covariance = with_noise(matern_32(distances(points, points), 1.0), noise)
    np.testing.assert_allclose(np.diag(covariance), 1 + noise)
    expected = -multivariate_normal(cov=covariance).logpdf(values) - 3 * np.log(2 * np.pi)
    assert negative_log_likelihood(covariance, values) == pytest.approx(expected, abs=1e-12)


def test_where_no_least_cost_is_found_the_start_is_kept() -> None:
    start = np.array([0.5, 2.0])
    np.testing.assert_allclose(most_probable(lambda at: float(((at - 1) ** 2).sum()), start, 50), 1, atol=1e-4)
    np.testing.assert_array_equal(most_probable(lambda at: float("nan"), start, 50), start)
