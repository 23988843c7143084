"""The mean of a task from its probe, and accuracies split in mean, spread and relative accuracy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit, slope, to_logit
from presage.surrogate.data.meta_features import PROBE_CURVE, curve_description, meta_features
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.monotone import MonotoneMap
from presage.surrogate.predictors.relative_scale import RelativeScale
from presage.surrogate.predictors.task_model import OFFSET, SPREAD_FEATURES, TaskModel
from presage.surrogate.testing import synthetic_experience, synthetic_task


def test_logit_and_back_over_decades() -> None:
    accuracy = np.concatenate([[0.0, 1.0], 10.0 ** np.arange(-9, 0), 1 - 10.0 ** np.arange(-9, 0)])
    accuracy.sort()
    z = to_logit(accuracy)
    assert np.isfinite(z).all()
    assert (np.diff(z) > 0).all()
    np.testing.assert_allclose(from_logit(z), accuracy, atol=1e-12)
    np.testing.assert_array_equal(from_logit([-1e9, 1e9]), [0, 1])


def test_slope_is_the_derivative() -> None:
    accuracy, step = np.linspace(0.05, 0.95, 10), 1e-6
    numeric = (from_logit(to_logit(accuracy) + step) - from_logit(to_logit(accuracy) - step)) / (2 * step)
    np.testing.assert_allclose(slope(accuracy), numeric, rtol=1e-6)


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


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(12, 40)


def test_relative_accuracies_have_mean_0_and_deviation_1_on_every_known_task(experience: Experience) -> None:
    relative = RelativeScale().fit(experience).relative(experience)
    for _, rows in experience.rows_by_task():
        assert relative[rows].mean() == pytest.approx(0, abs=1e-9)
        assert relative[rows].std() == pytest.approx(1, abs=1e-9)


def test_mean_and_relative_accuracy_give_the_accuracy_back(experience: Experience) -> None:
    scale = RelativeScale().fit(experience)
    relative = scale.relative(experience)
    for task, rows in experience.rows_by_task():
        value = scale.estimate(task, relative[rows], 0.0).value
        np.testing.assert_allclose(value, experience.accuracy[rows], atol=0.02)


def test_a_few_networks_of_a_task_move_its_mean_more_the_more_they_are(experience: Experience) -> None:
    """k = 0, 1, 5, 15 networks trained on the target are one continuous thing."""
    target = experience.fingerprints[2]
    others, own = experience.without([target]), experience.only([target])
    task = own.tasks[0]
    biased = replace(task, dcn=0.6)  # a probe that misleads
    truth = RelativeScale().fit(own).of(task).mean
    distances = []
    for k in (0, 1, 5, 15):
        rows = np.flatnonzero(experience.group == 2)[:k]
        some = experience.take(np.concatenate([np.flatnonzero(experience.group != 2), rows]))
        some = replace(some, tasks=tuple(biased if t.fingerprint == target else t for t in some.tasks), _source=None)
        scale = RelativeScale().fit(some)
        relative = np.zeros(len(some))
        relative[some.group == some.fingerprints.index(target) if k else np.zeros(len(some), bool)] = 0.0
        scale.refine(some, relative)
        distances.append(abs(scale.of(biased).mean - truth))
    assert distances[0] > 0.3
    assert distances[3] < 0.5 * distances[0]
    assert distances == sorted(distances, reverse=True)
    assert len(others) + len(own) == len(experience)


def test_the_best_of_a_search_do_not_make_their_task_look_easy(experience: Experience) -> None:
    """Rows are compared with what their relative accuracies would score: ten excellent ones hardly move the mean."""
    scale = RelativeScale().fit(experience)
    relative = scale.relative(experience)
    rows = np.flatnonzero(experience.group == 5)
    best = rows[np.argsort(experience.accuracy[rows])[-10:]]
    some = experience.take(np.concatenate([np.flatnonzero(experience.group != 5), best]))
    fitted = RelativeScale().fit(some)
    fitted.refine(some, np.concatenate([relative[experience.group != 5], relative[best]]))
    task = experience.tasks[5]
    naive = to_logit(experience.accuracy[best]).mean()
    assert abs(fitted.of(task).mean - scale.of(task).mean) < 0.4 * abs(naive - scale.of(task).mean)


def test_a_monotone_map_follows_the_mean_and_never_changes_an_order() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(2000)
    mapped = MonotoneMap().fit(x, np.expm1(x) + 0.3 * rng.standard_normal(2000))
    inner = np.linspace(-1.2, 1.2, 50)
    np.testing.assert_allclose(mapped(inner), np.expm1(inner), atol=0.2)
    far = np.linspace(-50, 50, 999)
    assert (np.diff(mapped(far)) > 0).all()
    falling = MonotoneMap().fit(x, -x)
    assert (np.diff(falling(far)) > 0).all()


def test_a_monotone_map_of_too_few_pairs_is_the_identity() -> None:
    few = MonotoneMap().fit(np.arange(5.0), np.arange(5.0)[::-1])
    np.testing.assert_allclose(few(np.array([-2.0, 0.5, 7.0])), [-2.0, 0.5, 7.0])
    same = MonotoneMap().fit(np.zeros(100), np.ones(100))
    np.testing.assert_allclose(same(np.array([-2.0, 0.5])), [-2.0, 0.5])


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


def test_what_a_curve_tells_is_the_mean_over_the_probes_seeds() -> None:
    found = curve_description([[0.1, 0.2, 0.3, 0.4, 0.5, 0.9], [0.3, 0.4, 0.5, 0.6, 0.7, 0.9]])
    assert found["probe_first"] == pytest.approx(0.2)
    assert found["probe_fifth"] == pytest.approx(0.6)
    assert found["probe_mean_logit"] == pytest.approx(to_logit([0.2, 0.3, 0.4, 0.5, 0.6, 0.9]).mean())
    assert set(found) == set(PROBE_CURVE)
    assert curve_description([[0.5]]) == curve_description([]) == {}
