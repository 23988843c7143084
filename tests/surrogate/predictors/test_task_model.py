"""A task's mean and spread from its probe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.data.meta_features import meta_features
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.state import State
from presage.surrogate.predictors.task_model import OFFSET, SPREAD_FEATURES, LadderedModel, TaskModel
from presage.surrogate.testing import synthetic_task


def test_a_mean_that_follows_the_dcn_is_found_and_noise_in_the_description_is_not() -> None:
    tasks = [synthetic_task(number) for number in range(28)]
    noise = np.random.default_rng(0).standard_normal(28)
    target = 0.7 * to_logit([task.dcn for task in tasks]) + 1.0 + 0.05 * noise
    model = TaskModel(prior_slope=1.0).fit(tasks, target, np.ones(28))
    for number in range(100, 120):
        task = synthetic_task(number)
        mean, error = model.predict(task)
        assert mean == pytest.approx(0.7 * to_logit(task.dcn) + 1.0, abs=0.2)
        assert 0.03 < error < 0.3


def test_with_one_dataset_the_dcn_still_shifts_the_mean() -> None:
    task = replace(synthetic_task(0), dcn=0.5)
    model = TaskModel(prior_slope=1.0).fit([task], np.array([0.3]), np.ones(1))
    assert model.predict(task)[0] == pytest.approx(0.3)
    easier = replace(task, dcn=0.8)
    assert model.predict(easier)[0] == pytest.approx(0.3 + to_logit(0.8) - to_logit(0.5), abs=1e-6)


def test_a_task_model_is_the_posterior_of_its_kernel_by_hand() -> None:
    """Two tasks whose meta-features are −1 and +1, solved by the formulas of Rasmussen & Williams."""
    tasks = [replace(synthetic_task(number), train_images=500, epochs=12, image_side=16) for number in range(2)]
    target, weight = np.array([0.2, 0.8]), np.ones(2)
    model = TaskModel(("dcn",)).fit(tasks, target, weight)
    np.testing.assert_allclose(np.sort(model.x_[:, 0]), [-1, 1])
    np.testing.assert_array_equal(model.x_[:, 1:], 0)
    amplitude, slope_, noise, reach = np.exp(model.logs_)
    far = OFFSET**2 - slope_ + amplitude * np.exp(-2.0 / reach)
    near = OFFSET**2 + slope_ + amplitude
    gram = np.array([[near + noise, far], [far, near + noise]])
    dual = np.linalg.inv(gram) @ (target - 0.5)
    value, error = model.predict(tasks[0])
    assert value == pytest.approx(0.5 + np.array([near, far]) @ dual)
    variance = near + noise - np.array([near, far]) @ np.linalg.inv(gram) @ np.array([near, far])
    assert error == pytest.approx(np.sqrt(variance))


def test_the_speed_of_the_probe_tells_how_far_networks_spread() -> None:
    rng = np.random.default_rng(0)

    def task(number: int) -> Task:
        first = float(rng.uniform(0.05, 0.6))
        return replace(synthetic_task(number), dcn=0.8, classes=10, description=(("probe_first", first),))

    def spread(task: Task) -> float:
        return float(-1.0 + 0.4 * meta_features([task], ("first_gain",))[0, 0])

    tasks = [task(number) for number in range(28)]
    target = np.array([spread(one) for one in tasks]) + 0.05 * rng.standard_normal(28)
    model = TaskModel(SPREAD_FEATURES).fit(tasks, target, np.ones(28))
    for one in (task(number) for number in range(100, 110)):
        assert model.predict(one)[0] == pytest.approx(spread(one), abs=0.15)


def test_a_task_without_a_probe_curve_is_answered_with_a_wider_error() -> None:
    rng = np.random.default_rng(1)
    tasks = [
        replace(synthetic_task(number), description=(("probe_first", float(rng.uniform(0.05, 0.6))),))
        for number in range(20)
    ]
    gains = meta_features(tasks, ("first_gain",))[:, 0]
    model = TaskModel(SPREAD_FEATURES).fit(tasks, 0.5 * gains, np.ones(20))
    bare = replace(tasks[0], description=())
    assert np.isnan(meta_features([bare], ("first_gain",))).all()
    assert np.isfinite(model.predict(bare)).all()
    silent = TaskModel(SPREAD_FEATURES).fit([replace(task, description=()) for task in tasks], gains, np.ones(20))
    assert np.isfinite(silent.predict(tasks[0])).all()


def with_ladder(task: Task, longer: float, smaller: float) -> Task:
    at = to_logit(task.dcn)
    rungs = {"thrice-epochs": at + longer * np.log2(3.0), "half-side": at - smaller}
    ladder = tuple((f"ladder:{name}", float(from_logit(value))) for name, value in rungs.items())
    return replace(task, description=(*task.description, *ladder))


def test_the_ladder_tells_a_spread_that_nothing_else_does_and_other_tasks_are_answered_as_before() -> None:
    rng = np.random.default_rng(2)
    bare = [replace(synthetic_task(number), dcn=float(rng.uniform(0.3, 0.9))) for number in range(30)]
    gains = rng.uniform(0.0, 1.0, (30, 2))
    tasks = [with_ladder(task, *gain) for task, gain in zip(bare, gains.tolist(), strict=True)]
    target = -1.0 + 0.8 * gains[:, 1] + 0.02 * rng.standard_normal(30)
    model = LadderedModel(SPREAD_FEATURES).fit(tasks[:25], target[:25], np.ones(25))
    for task, true in zip(tasks[25:], target[25:], strict=True):
        assert model.predict(task)[0] == pytest.approx(true, abs=0.15)
    plain = TaskModel(SPREAD_FEATURES).fit(tasks[:25], target[:25], np.ones(25))
    assert model.predict(bare[26]) == plain.predict(bare[26])
    state = State()
    model.store(state, "spread")
    again = LadderedModel.restored(state, "spread")
    assert [again.predict(task) for task in (tasks[26], bare[26])] == [
        model.predict(task) for task in (tasks[26], bare[26])
    ]


def test_a_handful_of_ladders_teaches_nothing() -> None:
    tasks = [synthetic_task(number) for number in range(20)]
    some = [with_ladder(task, 0.2, 0.5) for task in tasks[:5]] + tasks[5:]
    target = np.arange(20) / 10.0
    model = LadderedModel(SPREAD_FEATURES).fit(some, target, np.ones(20))
    assert model.told_ is None
    state = State()
    model.store(state, "spread")
    assert LadderedModel.restored(state, "spread").predict(some[0]) == model.predict(tasks[0])
