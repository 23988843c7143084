from __future__ import annotations

import numpy as np
import pytest

from presage.errors import InvalidArgument
from presage.surrogate.curves.features import FEATURES, features, last_logit
from presage.surrogate.curves.learning_curves import SETTING, LearningCurves, Setting
from presage.surrogate.data.logit import to_logit
from presage.training.recipe import Recipe


def setting(**changed: object) -> Setting:
    recipe = {**Recipe(epochs=4, warmup=0.5).to_json(), **changed}
    return Setting(recipe, classes=10, parameters=1000, multiply_adds=50_000, depth=3)


def two() -> LearningCurves:
    """One finished, one after two of four epochs, whose losses nobody knows."""
    return LearningCurves.of([[0.2, 0.4, 0.5, 0.6], [0.3, 0.35]], [[2.0, 1.5, 1.2, 1.0], []], [setting(), setting()])


def test_what_is_finished_has_a_final_accuracy_and_what_is_under_way_has_none() -> None:
    trainings = two()
    assert trainings.done.tolist() == [4, 2]
    assert trainings.epochs.tolist() == [4, 4]
    np.testing.assert_array_equal(trainings.final, [0.6, np.nan])


def test_trainings_are_taken_back_to_an_earlier_epoch() -> None:
    before = two().until([3, 1])
    assert before.done.tolist() == [3, 1]
    assert np.isnan(before.final).all()
    assert np.isnan(before.loss[0, 3])


def test_features_by_hand() -> None:
    row = dict(zip(FEATURES, features(two().until([3, 2]))[0].tolist(), strict=True))
    logits = to_logit([0.2, 0.4, 0.5])
    assert row["progress"] == pytest.approx(0.75)
    assert row["rate"] == pytest.approx(0.5)  # a cosine from epoch 2 to 4, half-way
    assert row["last"] == pytest.approx(logits[2], rel=1e-6)
    assert row["since_half"] == pytest.approx(logits[2] - logits[1], rel=1e-6)
    assert row["last_step"] == pytest.approx(logits[2] - logits[1], rel=1e-6)
    assert row["mean_of_last_three"] == pytest.approx(logits.mean(), abs=1e-6)
    assert row["spread"] == pytest.approx(logits.std(), rel=1e-6)
    assert row["loss"] == pytest.approx(1.2 / np.log(10), rel=1e-6)
    assert row["loss_fall"] == pytest.approx(0.8 / np.log(10), rel=1e-6)
    assert row["parameters"] == pytest.approx(np.log(1000))


def test_what_is_not_known_is_missing_and_nothing_else() -> None:
    table = features(two())
    missing = {name for name, value in zip(FEATURES, table[1], strict=True) if np.isnan(value)}
    assert missing == {"loss", "loss_step", "loss_fall"}
    first = features(two().until(1))
    assert {name for name, value in zip(FEATURES, first[0], strict=True) if np.isnan(value)} == {
        "last_step",
        "loss_step",
    }


def test_the_future_of_a_curve_tells_nothing() -> None:
    whole, cut = two(), LearningCurves.of([[0.2, 0.4]], [[2.0, 1.5]], [setting()])
    np.testing.assert_array_equal(features(whole.until(2))[0], features(cut)[0])
    assert last_logit(whole.until(2))[0] == last_logit(cut)[0]


def test_a_side_and_a_batch_that_images_tell_are_not_known() -> None:
    row = dict(zip(SETTING, setting(batch="auto", image_side="auto").row, strict=True))
    assert np.isnan(row["batch"])
    assert np.isnan(row["image_side"])


def test_columns_of_unlike_lengths_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="`loss` of `LearningCurves` must be"):
        LearningCurves(
            np.zeros((2, 3)), np.zeros((2, 2)), np.zeros((2, len(SETTING))), np.array(["", ""]), np.array(["", ""])
        )
