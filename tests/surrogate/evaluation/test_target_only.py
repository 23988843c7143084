"""The rival that is trained on the target alone: a Gaussian process, against scikit-learn's and on a known function."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from presage.surrogate import metrics
from presage.surrogate.data.encoding import Inputs
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.evaluation import target_only
from presage.surrogate.evaluation.target_only import TargetOnly
from presage.surrogate.testing import _sampled, synthetic_task, true_accuracy


@pytest.fixture(scope="module")
def networks() -> Inputs:
    return Inputs(_sampled(90, np.random.default_rng(3)), synthetic_task(4))


def test_one_kernel_and_one_ridge_are_kernel_ridge_regression(
    networks: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LENGTHS", (2.0,)), ("COST_SHARES", (0.2,)), ("RIDGES", (0.3,))):
        monkeypatch.setattr(target_only, name, value)
    model = TargetOnly(networks.features)
    (kernel,) = model.kernels
    trained = np.arange(9)  # fewer than ten: the target is the logit as it is
    accuracy = true_accuracy(networks.graphs, networks.task)[trained]
    z = to_logit(accuracy)
    reference = KernelRidge(alpha=0.3, kernel="precomputed").fit(kernel[np.ix_(trained, trained)], z - z.mean())
    expected = from_logit(z.mean() + reference.predict(kernel[:, trained]))
    np.testing.assert_allclose(model.predict(trained, accuracy), expected, atol=1e-9)


def test_the_kernel_is_positive_and_of_unit_scale(networks: Inputs) -> None:
    for kernel in TargetOnly(networks.features).kernels:
        np.testing.assert_allclose(kernel, kernel.T)
        assert np.linalg.eigvalsh(kernel).min() > -1e-8
        assert np.trace(kernel) / len(kernel) == pytest.approx(1.0)


def test_more_trained_networks_rank_the_others_better(networks: Inputs) -> None:
    truth = true_accuracy(networks.graphs, networks.task)
    model = TargetOnly(networks.features)
    taus = []
    for k in (5, 20, 60):
        of_draws = []
        for draw in range(4):
            order = np.random.default_rng(draw).permutation(90)
            value = model.predict(order[:k], truth[order[:k]])
            assert ((value >= 0) & (value <= 1)).all()
            of_draws.append(metrics.kendall_tau(truth[order[60:]], value[order[60:]]))
        taus.append(float(np.mean(of_draws)))
    assert taus[0] < taus[1] < taus[2]
    assert taus[2] > 0.6


@pytest.mark.parametrize("accuracy", [[0.7], [0.7, 0.7], [0.4] * 12])
def test_with_nothing_to_tell_networks_apart_all_score_alike(networks: Inputs, accuracy: list[float]) -> None:
    value = TargetOnly(networks.features).predict(np.arange(len(accuracy)), np.array(accuracy))
    np.testing.assert_allclose(value, accuracy[0])


def test_other_features_than_its_own_are_refused() -> None:
    with pytest.raises(ValueError, match="features"):
        TargetOnly(np.zeros((4, 3), np.float32))
