"""Accuracies split in mean, spread and relative accuracy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import to_logit
from presage.surrogate.predictors.relative_scale import RelativeScale
from presage.surrogate.testing import synthetic_experience


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


def test_many_networks_of_a_search_do_not_make_their_dataset_look_easy(experience: Experience) -> None:
    """Tasks are compared by the spaces that most of them have, each counting alike, however many networks it has."""
    rows = np.flatnonzero(experience.task_index == 0)
    best = rows[np.argsort(-experience.accuracy[rows])[:15]]
    known = np.arange(len(experience))
    more = np.concatenate([known, best, best])
    same, other = ("", "a space of its own")
    spaces = np.where(np.isin(known, best), "half of them", "the others")
    for index in range(1, len(experience.tasks)):  # every task has both, in the same parts
        some = np.flatnonzero(experience.task_index == index)
        spaces[some] = np.where(np.arange(len(some)) < 15, "half of them", "the others")
    before = RelativeScale().fit(replace(experience, spaces=spaces, _source=None))
    plain = RelativeScale().fit(replace(experience, spaces=np.full(len(known), same), _source=None))
    task = experience.tasks[0]
    assert before.of(task).mean == pytest.approx(plain.of(task).mean)
    for name in (other, "half of them"):
        grown = replace(
            experience.take(more), spaces=np.concatenate([spaces, np.full(30, name)]).astype(str), _source=None
        )
        after = RelativeScale().fit(grown)
        assert after.of(task).mean == pytest.approx(before.of(task).mean)
        assert after.of(task).spread == pytest.approx(before.of(task).spread)


def test_one_network_of_a_usual_space_does_not_stand_for_a_dataset(experience: Experience) -> None:
    """Where few networks are of spaces that most tasks have, all count alike."""
    spaces = np.full(len(experience), "usual", dtype="<U20")
    rows = np.flatnonzero(experience.task_index == 0)
    spaces[rows[1:]] = "a space of its own"
    plain = RelativeScale().fit(replace(experience, spaces=np.full(len(experience), "usual"), _source=None))
    found = RelativeScale().fit(replace(experience, spaces=spaces, _source=None))
    task = experience.tasks[0]
    assert found.of(task).mean == pytest.approx(plain.of(task).mean)
    assert found.of(task).spread == pytest.approx(plain.of(task).spread)
