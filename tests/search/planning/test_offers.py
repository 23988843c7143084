"""Between which recipes a budget chooses, and what it chooses on made-up machines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from presage.search.final.settings import LEAST_EPOCHS, FinalSettings
from presage.search.planning.offers import offers, preview
from presage.search.planning.plan import SAFE, Plan, best_plan
from presage.search.planning.workload import Offer, Offered, Workload
from presage.search.settings import SearchSettings
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe
from presage.training.recipes import RECIPES, on_all_images, validation_images
from presage.training.timing import Images, Speed

QUICK = Recipe()
FINAL = FinalSettings(RECIPES["standard"])
WORK = tuple(int(1e5 * 1.6**at) for at in range(14))  # 0.1M to 45M multiply-adds at 16 pixels


def photos(side: int, images: int = 40) -> ImageDataset:
    x = np.zeros((images, side, side, 3), np.uint8)
    y = np.arange(images) % 2
    return ImageDataset("photos", x, y, x[:4], y[:4], ("a", "b"))


def offered(offer: Offer, slower: float = 1.0) -> Offered:
    """On a machine that takes 2.5 ms for a step's image of a 10M network."""
    last = offer.recipe if offer.final is None else offer.final.recipe
    speeds = [Speed(slower * 3e-4 * (recipe.image_side / 16) ** 2, slower * 2.2e-10) for recipe in (offer.recipe, last)]
    scale = (offer.recipe.image_side / 16) ** 2
    work = tuple(int(scale * value) for value in WORK)
    images, growth = Images(2000, 400, 600), (last.image_side / offer.recipe.image_side) ** 2
    return Offered(offer, Workload(images, images, 20 * slower, slower * 0.003, *speeds, work, growth))


def planned(budget: float, side: int = 224, slower: float = 1.0, fixed: frozenset[str] = frozenset()) -> Plan:
    choices = offers(photos(side), QUICK, FINAL, fixed)
    return best_plan(budget, [offered(one, slower) for one in choices], SearchSettings(), fixed=fixed)


def test_the_best_is_offered_first_and_the_least_last() -> None:
    found = offers(photos(224), QUICK, FINAL)
    assert all(one.final is not None and one.final.recipe.train_images is None for one in found)
    sides = [one.final.recipe.image_side for one in found if one.final is not None]
    assert (sides[0], sides[-1]) == (64, 16)
    assert {one.final.recipe.epochs: one.recipe.epochs for one in found if one.final is not None} == {
        40: 8,
        20: 4,
        12: 3,
    }
    assert all(one.recipe.image_side == one.final.recipe.image_side for one in found if one.final is not None)
    assert found[-1].least == pytest.approx(6.25e5)


def test_of_many_images_the_short_list_sees_fewer_epochs_too() -> None:
    for images, epochs in ((2000, 8), (9500, 3)):
        first = offers(photos(32, images), QUICK, FINAL)[0]
        assert first.by_images
        assert first.final is not None
        assert (first.final.recipe.epochs, first.recipe.epochs) == (40, epochs)
    mine = offers(photos(32), QUICK, FINAL, {"final_recipe"})
    assert not any(one.by_images for one in mine)  # a recipe that was given is as long as it says


@pytest.mark.parametrize(("side", "largest"), [(8, 16), (28, 28), (32, 32), (48, 48), (500, 64)])
def test_images_are_trained_as_large_as_they_are_within_16_and_64(side: int, largest: int) -> None:
    found = offers(photos(side), QUICK, FINAL)
    assert max(one.final.recipe.image_side for one in found if one.final is not None) == largest
    assert all(one.recipe.image_side <= one.final.recipe.image_side for one in found if one.final is not None)


def test_a_short_list_is_trained_by_a_part_of_the_final_recipe_as_the_search_scores_images() -> None:
    long = Recipe(image_side=48, epochs=60, train_images=None, test_images=None, flip=True, cutmix=1.0, ema=0.995)
    found = preview(long, replace(QUICK, test_images=300))
    assert (found.image_side, found.epochs, found.train_images) == (48, 12, 5000)
    assert preview(replace(long, train_images=300), QUICK).train_images == 300
    assert (found.flip, found.cutmix, found.ema, found.test_images) == (False, 0.0, 0.0, 300)
    assert preview(long, replace(QUICK, flip=True)).flip
    few = replace(long, validation_fraction=0.05)
    assert preview(few, replace(QUICK, validation_fraction=0.2)).validation_fraction == 0.2
    assert preview(replace(few, validation_fraction=0.3), QUICK).validation_fraction == 0.3
    assert preview(replace(long, epochs=5), QUICK).epochs == LEAST_EPOCHS


def test_who_gives_a_recipe_is_offered_no_other() -> None:
    mine = Recipe(epochs=3, flip=True)
    assert {one.recipe for one in offers(photos(64), mine, FINAL, {"recipe"})} == {mine}
    given = offers(photos(64), QUICK, FINAL, {"final_recipe"})
    assert {one.final for one in given} == {FINAL}
    assert [one.recipe for one in given] == [preview(FINAL.recipe, QUICK), QUICK]
    mirrored = offers(photos(64), replace(QUICK, flip=True), replace(FINAL, recipe=replace(FINAL.recipe, flip=True)))
    assert all(one.recipe.flip and one.final is not None and one.final.recipe.flip for one in mirrored)


def test_half_an_hour_for_photos_ends_larger_than_the_search_on_all_images() -> None:
    found = planned(1800)
    assert found.final is not None
    assert found.final.recipe.image_side >= 32
    assert found.final.recipe.train_images is None
    assert found.final.recipe.epochs >= 20
    limit = found.settings.limits.training_work
    assert limit is not None
    assert limit * (found.final.recipe.image_side / 16) ** 2 >= 5e6


def test_more_time_is_never_spent_on_less() -> None:
    found = [planned(budget) for budget in (90, 180, 360, 720, 1440, 2880, 5760, 40_000)]
    assert [one.offer for one in found] == sorted((one.offer for one in found), reverse=True)
    assert found[0].offer > found[-1].offer == 0
    for one, budget in zip(found, (90, 180, 360, 720, 1440, 2880, 5760, 40_000), strict=True):
        assert one.seconds <= SAFE * budget + 1e-6


def test_where_no_recipe_fits_whole_the_last_one_is_shortened() -> None:
    found = planned(330, slower=10.0)
    assert found.final is not None
    assert found.final.recipe.image_side == 16
    assert found.final.recipe.epochs >= LEAST_EPOCHS
    assert found.final.recipe.epochs < 12
    assert found.settings.shortlist == 1


def test_once_the_work_is_begun_the_least_is_done_whatever_the_budget() -> None:
    choices = [offered(one) for one in offers(photos(32), QUICK, FINAL)]
    found = best_plan(1.0, choices[-1:], SearchSettings(), whatever=True)
    assert found.final.recipe.epochs < 12
    assert found.settings.shortlist == 1
    assert found.seconds > 1.0
    assert found.final is not None
    assert found.final.recipe.epochs >= LEAST_EPOCHS


def test_a_plan_says_which_recipes_it_took_and_keeps_them() -> None:
    found = planned(1800)
    told = found.to_json()
    again = Plan(1800, SearchSettings(), FINAL, (), 0.0, QUICK).again(told)
    assert (again.recipe, again.final) == (found.recipe, found.final)
    old = {name: value for name, value in told.items() if name not in ("recipe", "final_recipe")}
    kept = Plan(1800, SearchSettings(), FINAL, (), 0.0, QUICK).again(old)
    assert kept.recipe == QUICK
    assert kept.final is not None
    assert replace(kept.final.recipe, epochs=FINAL.recipe.epochs) == FINAL.recipe


@pytest.mark.parametrize(("images", "kept"), [(5, 1), (50, 6), (800, 100), (2400, 150), (10_000, 500), (50_000, 1000)])
def test_a_final_training_keeps_what_validation_needs(images: int, kept: int) -> None:
    assert validation_images(images) == kept
    recipe = on_all_images(RECIPES["standard"], images)
    assert round(recipe.validation_fraction * images) == kept
    assert recipe.train_images is None
