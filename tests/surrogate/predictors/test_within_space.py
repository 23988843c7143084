"""What a few trained networks teach about the others of their space."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from presage.architecture.spaces import get_space
from presage.errors import InvalidArgument
from presage.surrogate.metrics import kendall_tau
from presage.surrogate.predictors.gp import LENGTHS, NOISES
from presage.surrogate.predictors.within_space import NormalScores, WithinSpace
from presage.surrogate.testing import synthetic_task, true_accuracy


def _networks(n: int, seed: int = 0, space: str = "chain"):  # type: ignore[no-untyped-def]
    made = get_space(space)
    return made.decode_batch(made.sample(n, np.random.default_rng(seed)))


def test_the_scores_of_hand_computed_ranks() -> None:
    scores = NormalScores().fit(np.array([0.1, 0.9, 0.5, 0.5]))
    # shares (rank − ½) / n: 1/8, 4/8 (two of them, at their mean) and 7/8; Φ⁻¹(7/8) = 1.150349
    np.testing.assert_allclose(scores(np.array([0.1, 0.5, 0.9, 0.3])), [-1.150349, 0, 1.150349, -0.575175], atol=1e-6)


def test_scores_rise_and_come_back_beyond_what_was_learned() -> None:
    scores = NormalScores().fit(np.random.default_rng(0).beta(8, 2, 100))
    accuracy = np.linspace(-0.2, 1.2, 200)
    there = scores(accuracy)
    assert (np.diff(there) > 0).all()
    np.testing.assert_allclose(scores.back(there), accuracy, atol=1e-9)


def test_forty_networks_rank_the_others_and_doubt_is_larger_where_it_errs() -> None:
    task = synthetic_task(1003)
    trained, others = _networks(40), _networks(300, seed=1)
    estimate = WithinSpace((3, 16, 16)).fit(trained, true_accuracy(trained, task)).predict(others)
    truth = true_accuracy(others, task)
    assert kendall_tau(truth, estimate.value) > 0.6
    scores = WithinSpace((3, 16, 16)).fit(trained, true_accuracy(trained, task))
    assert kendall_tau(np.abs(truth - scores.predict(others).value), estimate.std_error) > 0.05
    assert (estimate.std_error > 0).all()


def test_latent_scores_are_calibrated() -> None:
    task = synthetic_task(1003)
    trained, others = _networks(100), _networks(300, seed=1)
    model = WithinSpace((3, 16, 16)).fit(trained, true_accuracy(trained, task))
    mean, deviation = model.latent(model.encode(others))
    noise = model.process_.noise_ * model.process_.variance_
    error = (model.scores_(true_accuracy(others, task)) - mean) / np.sqrt(deviation**2 + noise)
    assert 0.7 < np.std(error) < 1.5


def test_any_unit_of_accuracy_gives_the_same_order() -> None:
    trained, others = _networks(30), _networks(50, seed=1)
    accuracy = true_accuracy(trained, synthetic_task(1))
    share = WithinSpace().fit(trained, accuracy).predict(others).value
    percent = WithinSpace().fit(trained, 100 * accuracy).predict(others).value
    np.testing.assert_allclose(percent, 100 * share, rtol=1e-9)


def test_trees_and_process_are_averaged_and_doubt_grows_where_they_differ() -> None:
    trained, others = _networks(40), _networks(60, seed=1)
    accuracy = true_accuracy(trained, synthetic_task(1))
    both, process = WithinSpace().fit(trained, accuracy), WithinSpace(bags=0).fit(trained, accuracy)
    x = both.encode(others)
    trees = np.mean([tree.predict(x) for tree in both.trees_], axis=0)
    (mean, deviation), (alone, own) = both.latent(x), process.latent(x)
    np.testing.assert_allclose(mean, (alone + trees) / 2)
    np.testing.assert_allclose(deviation**2, own**2 + ((alone - trees) / 2) ** 2)
    np.testing.assert_array_equal(WithinSpace().fit(trained, accuracy).latent(x)[0], mean)  # and deterministic


def test_it_mixes_spaces() -> None:
    from presage.architecture.batch.graph_batch import GraphBatch

    both = GraphBatch.concatenate([_networks(20), _networks(20, space="nb201")])
    assert np.isfinite(WithinSpace().fit(both, np.linspace(0, 1, 40)).predict(both).value).all()


@pytest.mark.parametrize("n", [1, 2])
def test_one_network_is_enough_to_answer(n: int) -> None:
    estimate = WithinSpace().fit(_networks(n), np.full(n, 0.7)).predict(_networks(5, seed=1))
    np.testing.assert_allclose(estimate.value, 0.7, atol=1e-6)


def test_wrong_input_is_said() -> None:
    networks = _networks(3)
    with pytest.raises(InvalidArgument, match=r"finite \(row 1\)"):
        WithinSpace().fit(networks, np.array([0.1, np.nan, 0.2]))
    with pytest.raises(InvalidArgument, match="one for each of n ≥ 1 networks"):
        WithinSpace().fit(networks, np.array([0.1]))
    with pytest.raises(InvalidArgument, match="Call `fit` first"):
        WithinSpace().predict(networks)


def test_a_fit_factors_few_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes a fit to 150 networks a matter of milliseconds: the grid of settings is climbed, not tried whole."""
    model, networks = WithinSpace(bags=0), _networks(150)
    x, accuracy = model.encode(networks), np.random.default_rng(0).random(150)
    factored: list[int] = []
    cholesky = np.linalg.cholesky

    def counting(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        factored.append(len(matrix))
        return np.asarray(cholesky(matrix))

    monkeypatch.setattr(np.linalg, "cholesky", counting)
    model.learn(x, accuracy)
    assert set(factored) == {150}
    assert len(factored) <= len(LENGTHS) * len(NOISES) / 2
