"""What is computed for many tasks together is what it is task by task."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from presage.surrogate.data.encoding import Inputs
from presage.surrogate.data.experience import Experience
from presage.surrogate.predictors import kernel_ridge, residual_process
from presage.surrogate.predictors.boosted_trees import BoostedTrees
from presage.surrogate.predictors.gp import distances, negative_log_likelihood, with_noise
from presage.surrogate.predictors.kernel_ridge import KernelRidge
from presage.surrogate.predictors.prediction import Estimate
from presage.surrogate.predictors.relative_predictor import RelativePredictor
from presage.surrogate.predictors.residual_process import ResidualProcess
from presage.surrogate.predictors.tap_lstm import TapLSTM
from presage.surrogate.testing import synthetic_experience

PREDICTORS = (BoostedTrees(trees=20), KernelRidge(), KernelRidge(landmarks=40), TapLSTM(epochs=2, first=8, second=8))


@pytest.fixture(scope="module")
def experience() -> Experience:
    """Five tasks of three datasets, of 40 to 4 networks, their rows mixed."""
    given = synthetic_experience(3, 40)
    again = replace(given.tasks[0], recipe="s" * 64, epochs=given.tasks[0].epochs * 2)
    other = replace(given.tasks[1], recipe="t" * 64, image_side=given.tasks[1].image_side * 2)
    index = given.task_index.copy()
    index[[1, 5, 9, 30]] = 3
    index[np.arange(42, 70, 3)] = 4
    whole = replace(given, tasks=(*given.tasks, again, other), task_index=index, _source=None)
    return whole.take(np.random.default_rng(0).permutation(len(whole)))


def test_encodings_of_tasks_of_one_shape_together_are_their_own(
    experience: Experience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presage.surrogate.data.experience.TOGETHER", 7)
    rows = replace(experience, _source=None)
    for task, own in rows.rows_by_task():
        inputs = Inputs(rows.graphs.take(own), task, compiled=False)
        np.testing.assert_array_equal(rows.features[own], inputs.features)
        np.testing.assert_array_equal(rows.sequences.take(own).layers, inputs.sequence.layers)


@pytest.mark.parametrize("predictor", PREDICTORS, ids=lambda one: f"{one.name}-{getattr(one, 'landmarks', '')}")
def test_all_rows_together_have_the_relative_accuracies_of_each_task(
    experience: Experience, predictor: RelativePredictor
) -> None:
    learner = predictor.clone()
    learner._learn(experience)
    together = learner._relative_of_rows(experience)
    one_by_one = RelativePredictor._relative_of_rows(learner, experience)
    assert together.std() > 0.05
    np.testing.assert_allclose(together, one_by_one, rtol=0, atol=2e-5)


def test_landmarks_weigh_rows_as_the_normal_equations_say(experience: Experience) -> None:
    """Nyström: (λ K_mm + K_mn W K_nm + jitter) dual = K_mn W y, by the matrices written out."""
    learner = KernelRidge(landmarks=40)
    learner._learn(experience)
    rows = np.arange(len(experience))
    target = np.linspace(-1.0, 1.0, len(rows))
    learner._learn_relative(experience, rows, target)
    chosen = np.sort(np.random.default_rng(0).choice(len(rows), 40, replace=False))
    alike = learner._task_kernel(learner._tasks(experience.tasks), learner.tasks_)
    near = learner._near(experience.features)[:, learner.of_network_].astype(np.float64)
    cross = near * alike[experience.task_index][:, learner.of_task_]
    weight = kernel_ridge.task_weight(experience)
    left = learner.penalty * cross[chosen] + cross.T @ np.diag(weight) @ cross
    left += 1e-6 * np.trace(left) / len(left) * np.eye(40)
    np.testing.assert_allclose(left @ learner.dual_, cross.T @ (weight * target), rtol=1e-4, atol=1e-4)


def test_likelihoods_of_tasks_of_one_size_are_those_of_each(experience: Experience) -> None:
    rng = np.random.default_rng(1)
    value = np.clip(experience.accuracy + rng.normal(0.0, 0.05, len(experience)), 0.01, 0.99)
    estimate = Estimate(value, np.full(len(value), 0.06), rng.random(len(value)) / 20)
    process = ResidualProcess().fit(estimate, experience)
    logs = process.logs_ + 0.1
    parts, each = [], []
    for _, rows in experience.rows_by_task():
        some = rows[:4]
        seen = process.observations(experience.features[some], estimate.take(some), experience.accuracy[some])
        apart = distances(seen.features, seen.features)
        parts.append((seen, apart))
        gram = process._covariance(logs, seen, seen, apart, float(seen.logit.mean()))
        noisy = with_noise(gram, np.exp(logs[3]) * seen.std_error**2 + 1e-9)
        each.append(negative_log_likelihood(noisy, seen.error))
    found = residual_process._Stack.of(parts).negative_log_likelihood(logs, process.length_)
    np.testing.assert_allclose(found, each, rtol=1e-12)


def test_what_rows_share_is_made_once_by_whoever_asks_first(experience: Experience) -> None:
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    rows = replace(experience, _source=None)
    part = rows.take(np.arange(10))
    assert rows.take(np.arange(10)).shared("one", make) == part.shared("one", make) == 1
    assert part.take(np.arange(9)).shared("one", make) == 2
    assert part.shared("two", make) == 3
    with pytest.raises(ZeroDivisionError):
        part.shared("three", lambda: 1 // 0)
    assert part.shared("three", make) == 4  # what failed is not kept
    begun, found = threading.Event(), list[int]()

    def slow() -> int:
        begun.wait(10)
        return make()

    threads = [threading.Thread(target=lambda: found.append(part.shared("four", slow))) for _ in range(3)]
    for thread in threads:
        thread.start()
    begun.set()
    for thread in threads:
        thread.join()
    assert found == [5, 5, 5]


def test_kernel_ridge_and_the_lstm_place_tasks_once_for_both(
    experience: Experience, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[int] = []
    learn = KernelRidge._learn_relative

    def counted(self: KernelRidge, given: Experience, rows: np.ndarray, target: np.ndarray) -> None:  # type: ignore[type-arg]
        learned.append(len(rows))
        learn(self, given, rows, target)

    monkeypatch.setattr(KernelRidge, "_learn_relative", counted)
    lstm = TapLSTM(epochs=1, first=4, second=4, folds=2)
    alone = lstm.fit(replace(experience, _source=None)).left_out_.value
    placings = len(learned)
    learned.clear()
    together = replace(experience, _source=None)
    KernelRidge(folds=2).fit(together)
    own = len(learned)
    learned.clear()
    again = lstm.clone().fit(together).left_out_.value
    assert placings > 0
    assert own > placings  # its own learning, and the same placings
    assert not learned
    np.testing.assert_array_equal(again, alone)
