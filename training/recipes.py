"""Recipes by name."""

from __future__ import annotations

from presage.errors import UnknownName
from presage.training.recipe import Recipe

__all__ = ["RECIPES", "named_recipe"]

RECIPES: dict[str, Recipe] = {
    "quick": Recipe(),
    "standard": Recipe(image_side=32, train_images=5_000, epochs=20, shift=2),
    "thorough": Recipe(
        image_side=32,
        train_images=None,
        test_images=None,
        epochs=40,
        shift=0,
        shift_fraction=0.125,
        cutmix=1.0,
        ema=0.998,
    ),
}
"""`quick` is the recipe of the shipped experience, and the default. `standard` trains on larger images and more of
them, `thorough` on all of them, longer and with stronger augmentation; both are provisional, to be chosen by
measurement. None mirrors images: letters and digits must not be; where photos are told apart, add `flip`."""


def named_recipe(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        UnknownName: there is none; names the nearest.
    """
    if name not in RECIPES:
        raise UnknownName("recipe", name, RECIPES)
    return RECIPES[name]
