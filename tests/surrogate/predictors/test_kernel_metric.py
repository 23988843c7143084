"""The metric of kernel ridge: what tells networks apart, learned from how accuracy changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from presage.surrogate import Experience
from presage.surrogate.data.logit import to_logit
from presage.surrogate.predictors import kernel_ridge
from presage.surrogate.predictors.kernel_ridge import KernelRidge
from presage.surrogate.predictors.storage import load_predictor, save_predictor
from presage.surrogate.testing import synthetic_experience


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(12, 60)


def test_gradients_are_those_of_what_is_predicted(experience: Experience) -> None:
    learner = KernelRidge(metric_rows=0)
    learner._learn(experience)
    rows = np.arange(0, len(experience), 97)
    found = learner._gradients(experience, rows)
    alike = learner._task_kernel(learner._tasks(experience.tasks), learner.tasks_)
    standard = learner._standard(experience.features[rows]).astype(np.float64)
    known, step = learner.networks_.astype(np.float64), 1e-5

    def predicted(points: np.ndarray, row: int) -> np.ndarray:  # type: ignore[type-arg]
        apart = np.sqrt(((points[:, None, :] - known) ** 2).sum(axis=2)) * 3**0.5 / learner.length_
        near = (1 + apart) * np.exp(-apart)
        return np.asarray(near @ learner._mixed(alike[experience.task_index[row]]))

    assert np.abs(found).max() > 0.01
    for at, row in enumerate(rows.tolist()):
        moved = step * np.eye(standard.shape[1])
        change = predicted(standard[at] + moved, row) - predicted(standard[at] - moved, row)
        off = np.linalg.norm(found[at] - change / (2 * step))
        assert off < 0.05 * np.linalg.norm(found[at])


def test_the_metric_stretches_along_what_matters() -> None:
    gradients = np.random.default_rng(0).normal(size=(50, 4)) * [1.0, 0.1, 0.0, 0.0]
    metric = kernel_ridge._metric(gradients)
    np.testing.assert_allclose(metric, metric.T, atol=1e-6)
    along = np.linalg.norm(metric, axis=1)
    assert along[0] > 2 * along[1] > 2.2 * along[2]
    assert along[2] == pytest.approx(kernel_ridge.METRIC_FLOOR**kernel_ridge.METRIC_POWER, rel=1e-3)
    assert along[2] == pytest.approx(along[3], rel=1e-5)
    assert not kernel_ridge._metric(np.zeros((5, 4))).size  # nothing changes with anything


def test_datasets_never_seen_are_predicted_better_by_it(experience: Experience) -> None:
    errors = {}
    for rows in (0, 400):
        predictor = KernelRidge(metric_rows=rows, folds=4).fit(replace(experience, _source=None))
        off = to_logit(predictor.left_out_.value) - to_logit(experience.accuracy)
        means = np.bincount(experience.group, off) / np.bincount(experience.group)
        errors[rows] = float(np.square(off - means[experience.group]).mean())
    assert errors[400] < 0.95 * errors[0]


@pytest.mark.parametrize("more", [-1, 0])
def test_few_rows_teach_no_metric(experience: Experience, more: int) -> None:
    learner = KernelRidge()
    learner._learn(experience.take(np.arange(kernel_ridge.LEAST_METRIC + more)))
    assert bool(learner.metric_.size) is (more == 0)


def test_a_learned_metric_is_stored(experience: Experience, tmp_path: Path) -> None:
    predictor = KernelRidge(folds=2).fit(replace(experience, _source=None))
    assert predictor.metric_.size
    save_predictor(predictor, tmp_path / "kept")
    loaded = load_predictor(tmp_path / "kept")
    inputs = experience.inputs(np.arange(20), experience.tasks[0])
    np.testing.assert_array_equal(loaded.interval_of(inputs).value, predictor.interval_of(inputs).value)


def test_what_was_stored_without_a_metric_says_the_same(experience: Experience) -> None:
    predictor = KernelRidge(metric_rows=0, folds=2).fit(replace(experience, _source=None))
    state = predictor.state()
    del state.arrays["metric"]
    restored = KernelRidge(folds=2).restore(state)  # as it was before there were metrics
    inputs = experience.inputs(np.arange(20), experience.tasks[0])
    np.testing.assert_array_equal(restored.interval_of(inputs).value, predictor.interval_of(inputs).value)
