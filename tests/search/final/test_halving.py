"""Rungs and settings of the tuning, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest

from presage.errors import InvalidArgument
from presage.search.final.halving import rungs, settings, tuning_epochs
from presage.search.final.settings import FinalSettings
from presage.training.recipe import Recipe


@pytest.mark.parametrize(
    ("trials", "epochs", "expected"),
    [
        (9, 27, ((9, 3), (3, 9))),
        (9, 20, ((9, 2), (3, 7))),
        (27, 27, ((27, 1), (9, 3), (3, 9))),
        (3, 12, ((3, 4),)),
        (4, 18, ((4, 2), (2, 6))),
        (9, 2, ((9, 1), (3, 1))),
        (1, 20, ()),
        (0, 20, ()),
    ],
)
def test_a_third_goes_on_to_three_times_the_epochs(
    trials: int, epochs: int, expected: tuple[tuple[int, int], ...]
) -> None:
    assert rungs(trials, epochs) == expected
    assert tuning_epochs(trials, epochs) == sum(alive * each for alive, each in expected)


def test_the_recipe_s_own_setting_is_the_first_and_the_others_lie_evenly_around_it() -> None:
    recipe = Recipe(learning_rate=0.01, weight_decay=0.02)
    found = settings(recipe, 60, seed=0)
    assert found[0] == (0.01, 0.02)
    assert len(set(found)) == 60
    across = [math.log(rate / 0.01, 4) for rate, _ in found[1:]]
    up = [math.log10(decay / 0.02) for _, decay in found[1:]]
    for values in (across, up):
        assert -1.01 <= min(values) < -0.9
        assert 0.9 < max(values) <= 1.01
        thirds = [sum(low <= value < low + 2 / 3 for value in values) for low in (-1, -1 / 3, 1 / 3)]
        assert min(thirds) >= 16  # of 59


def test_settings_are_repeatable_and_differ_by_seed() -> None:
    assert settings(Recipe(), 9, seed=3) == settings(Recipe(), 9, seed=3)
    assert settings(Recipe(), 9, seed=3) != settings(Recipe(), 9, seed=4)
    assert settings(Recipe(), 9, seed=3)[:4] == settings(Recipe(), 4, seed=3)


def test_without_weight_decay_some_is_tried_all_the_same() -> None:
    found = settings(Recipe(weight_decay=0.0), 5, seed=0)
    assert found[0][1] == 0.0
    assert all(0 < decay <= 1e-3 for _, decay in found[1:])


@pytest.mark.parametrize(("field", "value"), [("networks", 0), ("networks", True), ("trials", -1), ("trials", 2.5)])
def test_wrong_wishes_are_refused_in_the_one_form(field: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=f"The `{field}` of `FinalSettings` must be a whole number of at least"):
        FinalSettings(Recipe(), **{field: value})
