from __future__ import annotations

from dataclasses import replace

import pytest

from presage.errors import UnknownName
from presage.training import Recipe
from presage.training.recipes import RECIPES, for_photos, named_recipe


def test_quick_is_the_recipe_of_the_shipped_experience() -> None:
    assert named_recipe("quick") == Recipe()


def test_named_recipes_grow_and_none_mirrors_letters() -> None:
    names = ("quick", "standard", "thorough")
    assert tuple(RECIPES) == names
    assert [RECIPES[name].epochs for name in names] == sorted(RECIPES[name].epochs for name in names)
    assert not any(recipe.flip for recipe in RECIPES.values())


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean `standard`"):
        named_recipe("standart")


def test_photos_are_mirrored_and_mixed_in_a_long_training_alone() -> None:
    assert for_photos(RECIPES["standard"]) == replace(RECIPES["standard"], flip=True, test_mirroring=True)
    assert for_photos(RECIPES["thorough"]) == replace(RECIPES["thorough"], flip=True, test_mirroring=True)
    long = replace(RECIPES["thorough"], epochs=120)
    assert for_photos(long) == replace(long, flip=True, test_mirroring=True, cutmix=1.0, ema=0.995)
    own = Recipe(epochs=50, mixup=0.2)
    assert for_photos(own) == replace(own, flip=True, test_mirroring=True)
