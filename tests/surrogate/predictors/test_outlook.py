"""What more images, larger ones and longer training would bring."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from presage.surrogate.data.experience import Experience
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.predictors.outlook import OutlookModel, more
from presage.surrogate.testing import synthetic_experience


@pytest.fixture(scope="module")
def experience() -> Experience:
    """Twelve datasets, each trained at twice the side too, where every network gains half a logit."""
    usual = synthetic_experience(12, 30)
    n, d = len(usual), len(usual.tasks)
    larger = tuple(replace(task, recipe="large", image_side=2 * task.image_side) for task in usual.tasks)
    return Experience(
        graphs=usual.graphs.take(np.concatenate([np.arange(n), np.arange(n)])),
        hashes=np.tile(usual.hashes, 2),
        task_index=np.concatenate([usual.task_index, usual.task_index + d]),
        tasks=(*usual.tasks, *larger),
        accuracy=np.concatenate([usual.accuracy, from_logit(to_logit(usual.accuracy) + 0.5)]),
        seeds=np.tile(usual.seeds, 2),
    )


def test_what_networks_gained_on_other_datasets_is_expected_of_an_unseen_one(experience: Experience) -> None:
    unseen = experience.tasks[3]
    known = experience.without([unseen.fingerprint])
    model = OutlookModel().fit(known)
    task = model.usual(unseen)
    said = {change: model.bring(task, changed) for change, changed in more(task)}
    own = experience.accuracy[experience.task_index == 3]
    true = float(np.mean(from_logit(to_logit(own) + 0.5) - own))
    assert said["side"].value == pytest.approx(true, abs=0.03)
    assert said["side"].lower < true < said["side"].upper
    assert said["side"].level == 0.9
    for change in ("images", "epochs"):  # of which the experience says nothing: the prior, with wider doubt
        assert 0 < said[change].value < said["side"].value + 0.1
        assert said[change].upper - said[change].lower > said["side"].upper - said["side"].lower


def test_a_gain_is_worth_fewer_points_where_little_is_left_to_gain(experience: Experience) -> None:
    model = OutlookModel().fit(experience)
    task = model.usual(experience.tasks[0])
    hard, easy = replace(task, fingerprint="a" * 64, dcn=0.6), replace(task, fingerprint="b" * 64, dcn=0.99)
    gains = [model.bring(one, dict(more(one))["side"]).value for one in (hard, easy)]
    assert gains[0] > 3 * gains[1] > 0


def test_without_pairs_the_prior_answers(experience: Experience) -> None:
    model = OutlookModel().fit(experience.take(np.arange(360)))
    task = model.usual(experience.tasks[0])
    said = model.bring(task, dict(more(task))["side"])
    assert said.value > 0
    assert said.lower < 0 < said.upper


def test_more_doubles_what_an_epoch_passes_over_with_the_images() -> None:
    task = replace(synthetic_experience(2, 2).tasks[0], train_images=2000, epoch_images=2000, epochs=12, image_side=16)
    changed = dict(more(task))
    assert changed["images"].images_seen == 2 * task.images_seen
    assert (changed["side"].image_side, changed["epochs"].epochs) == (32, 36)
    few = replace(task, train_images=300, epoch_images=1000)
    assert dict(more(few))["images"].images_seen == few.images_seen  # an epoch still passes over 1,000
