"""Extrapolated accuracies of curves whose law is known, on datasets not learned from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from presage.errors import InvalidArgument, InvalidExperience
from presage.surrogate.curves.extrapolator import CurveExtrapolator, after
from presage.surrogate.curves.learning_curves import LearningCurves
from presage.surrogate.data.logit import to_logit
from presage.surrogate.metrics import coverage, kendall_tau
from tests.surrogate.curves.conftest import RECIPE, drawn


@pytest.fixture(scope="module")
def fitted(experience: LearningCurves) -> CurveExtrapolator:
    return CurveExtrapolator().fit(experience)


def test_it_errs_far_less_than_the_last_value(fitted: CurveExtrapolator, unseen: LearningCurves) -> None:
    now = unseen.until(3)
    last = now.accuracy[:, 2]
    error = np.sqrt(np.mean((fitted.predict(now).value - unseen.final) ** 2))
    assert error < 0.4 * np.sqrt(np.mean((last - unseen.final) ** 2))
    assert kendall_tau(unseen.final, fitted.predict(now).value) > 0.6


@pytest.mark.parametrize("done", [2, 5, 8])
def test_intervals_hold_what_they_say_on_unseen_datasets(
    fitted: CurveExtrapolator, unseen: LearningCurves, done: int
) -> None:
    told = fitted.predict(unseen.until(done))
    assert 0.8 <= coverage(unseen.final, told.lower, told.upper) <= 0.98
    assert ((told.lower <= told.value) & (told.value <= told.upper)).all()
    assert (told.lower >= 0).all()
    assert (told.upper <= 1).all()


def test_later_is_surer(fitted: CurveExtrapolator, unseen: LearningCurves) -> None:
    early, late = (fitted.predict(unseen.until(done)) for done in (2, 8))
    assert np.mean(late.upper - late.lower) < 0.6 * np.mean(early.upper - early.lower)


def test_what_is_finished_is_told_as_it_is(fitted: CurveExtrapolator, unseen: LearningCurves) -> None:
    told = fitted.predict(unseen)
    for part in (told.value, told.lower, told.upper):
        np.testing.assert_array_equal(part, unseen.final)
    np.testing.assert_array_equal(fitted.chance_over(unseen, 0.7), unseen.final > 0.7)


def test_finished_trainings_of_the_task_correct_what_leans(fitted: CurveExtrapolator) -> None:
    leaning = drawn(1, 30, seed=7, lean=-0.8)
    known, asked = leaning.take(np.arange(10)), leaning.take(np.arange(10, 30))
    alone, told = fitted.predict(asked.until(4)), fitted.conditioned(known).predict(asked.until(4))
    assert abs(np.mean(told.value - asked.final)) < 0.7 * abs(np.mean(alone.value - asked.final))
    widths = [to_logit(one.upper) - to_logit(one.lower) for one in (told, alone)]
    assert (widths[0] < widths[1]).all()


def test_none_finished_tells_nothing(fitted: CurveExtrapolator, unseen: LearningCurves) -> None:
    now = unseen.until(4)
    np.testing.assert_array_equal(fitted.conditioned(now).predict(now).value, fitted.predict(now).value)


def test_chances_agree_with_intervals(fitted: CurveExtrapolator, unseen: LearningCurves) -> None:
    now = unseen.take(np.arange(40)).until(5)
    told = fitted.predict(now)
    for row in range(40):
        one = now.take([row])
        if told.upper[row] < 1:
            assert fitted.chance_over(one, told.upper[row])[0] == pytest.approx(0.05, abs=0.006)
        assert fitted.chance_over(one, told.lower[row])[0] == pytest.approx(0.95, abs=0.006)
    assert fitted.chance_over(now, 1.0).max() <= fitted.chance_over(now, 0.2).min()


def test_few_datasets_promise_nothing() -> None:
    told = CurveExtrapolator(folds=3).fit(drawn(5, 10, seed=3))
    prediction = told.predict(drawn(1, 3, seed=4).until(5))
    np.testing.assert_array_equal(prediction.lower, 0.0)
    np.testing.assert_array_equal(prediction.upper, 1.0)
    assert told.chance_over(drawn(1, 3, seed=4).until(5), 0.999).tolist() == [1.0] * 3


def test_a_single_dataset_and_curves_of_two_epochs_are_refused() -> None:
    with pytest.raises(InvalidExperience, match="two datasets at least"):
        CurveExtrapolator().fit(drawn(1, 20, seed=0))
    with pytest.raises(InvalidExperience, match="two datasets at least"):
        CurveExtrapolator().fit(drawn(3, 5, seed=0).until(9))


@pytest.mark.parametrize(("name", "value"), [("trees", 1), ("folds", 1), ("level", 1.0)])
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(InvalidArgument, match=f"`{name}` of `CurveExtrapolator`"):
        CurveExtrapolator(**{name: value})  # type: ignore[arg-type]


def test_as_a_file_it_is_the_same_and_needs_no_lightgbm(
    fitted: CurveExtrapolator, unseen: LearningCurves, tmp_path: Path
) -> None:
    path = tmp_path / "curves.json"
    path.write_text(json.dumps(fitted.to_json(), allow_nan=False))
    now = unseen.take(np.arange(3)).until(4)
    script = f"""
import json, sys
import numpy as np
from presage.surrogate.curves.extrapolator import CurveExtrapolator
from presage.surrogate.curves.learning_curves import LearningCurves, Setting
told = CurveExtrapolator.from_json(json.load(open({str(path)!r})))
sizes = {now.settings[:, -3:].astype(int).tolist()}
settings = [Setting({RECIPE}, 10, *size) for size in sizes]
asked = LearningCurves.of({now.accuracy[:, :4].tolist()}, {now.loss[:, :4].tolist()}, settings)
print(json.dumps([told.predict(asked).value.tolist(), "lightgbm" in sys.modules, "torch" in sys.modules]))
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    value, lightgbm, torch = json.loads(said.stdout)
    np.testing.assert_array_equal(value, fitted.predict(now).value)
    assert not lightgbm
    assert not torch


@pytest.mark.parametrize(
    "changed",
    [{"version": 2}, {"features": ["progress"]}, {"quantiles": [0.0]}, {"value": "tree\n"}, {"settings": {"leave": 1}}],
)
def test_another_file_is_refused(fitted: CurveExtrapolator, changed: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        CurveExtrapolator.from_json({**fitted.to_json(), **changed})


def test_trees_of_columns_that_are_none_are_refused(fitted: CurveExtrapolator) -> None:
    told = fitted.to_json()
    told["value"] = told["value"].replace("split_feature=", "split_feature=77 ", 1)
    with pytest.raises(ValueError, match=r"a tree of|other features"):
        CurveExtrapolator.from_json(told)


def test_it_is_repeatable(experience: LearningCurves, fitted: CurveExtrapolator) -> None:
    assert CurveExtrapolator().fit(experience).to_json() == fitted.to_json()


def test_shares_of_the_epochs_round_up_and_stay_within() -> None:
    epochs = np.array([3, 4, 12, 40, 1])
    assert after(epochs, 0.25).tolist() == [1, 1, 3, 10, 1]
    assert after(epochs, 1.0).tolist() == [2, 3, 11, 39, 1]
