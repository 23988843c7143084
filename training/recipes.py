"""Recipes by name."""

from __future__ import annotations

from dataclasses import replace

from presage.errors import UnknownName
from presage.training.recipe import Recipe

__all__ = ["RECIPES", "for_photos", "named_recipe", "on_all_images", "validation_images"]

RECIPES: dict[str, Recipe] = {
    "quick": Recipe(),
    "standard": Recipe(image_side=32, train_images=5_000, epochs=20, shift=2),
    "thorough": Recipe(
        image_side=32,
        train_images=None,
        test_images=None,
        epochs=40,
        shift=0,
        shift_fraction=0.0625,
    ),
}
"""`quick` is the recipe of the shipped experience, and the default. `standard` trains on larger images and more of
them, `thorough` on all of them and longer; docs/tried.md has the measurements they were chosen by. None mirrors images:
letters and digits must not be; where photos are told apart, add `flip` (a search finds that out: `for_photos`)."""


def named_recipe(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        UnknownName: there is none; names the nearest.
    """
    if name not in RECIPES:
        raise UnknownName("recipe", name, RECIPES)
    return RECIPES[name]


def validation_images(images: int) -> int:
    """How many of so many training images a final training keeps to validate on.

    A twentieth, but at least 150 where these are not more than an eighth, and at most 1,000: over 1,000 images an
    accuracy is known to 1.6 points at worst (one standard error), over 150 to 4. What is left to choose then is little,
    and the short-list is chosen by more; half as many images held out brought the mean of two networks from .957 to
    .968 on weather4 and from .717 to .727 on flowers5.
    """
    return min(max(images // 20, min(150, images // 8), 1), 1000)


def on_all_images(recipe: Recipe, images: int) -> Recipe:
    """The recipe for a dataset of so many training images: all of them but those that validation needs, all tested.

    With the same split seed its validation images are among those that other recipes hold out: whatever was learnt by
    these has not seen them.
    """
    fraction = round(validation_images(images) / images, 6)
    return replace(recipe, train_images=None, test_images=None, validation_fraction=fraction)


def for_photos(recipe: Recipe) -> Recipe:
    """The recipe for images whose mirror images are as good: mirrored, in test too (logits of an image and its mirror
    image are averaged); mixed, with averaged weights, where it is long.

    Averaging over mirror images was worth .9 points in the mean of five datasets of photos (−.4 to 2.0); it costs a
    second look at each image that is classified.

    Over 40 epochs of 1,000 images that were not mirrored, CutMix with averaged weights was worth 1.0 point in the mean
    of five datasets of photos; beside mirroring, over 12 to 100 epochs of about equal time, it cost 1.9 points in the
    mean of sixteen pairs of trainings, and was better in two (docs/tried.md): networks that are far from learning their
    images by heart are only slowed by it. On letters and traffic signs it costs 2 to 35 points.
    """
    flipped = replace(recipe, flip=True, test_mirroring=True)
    plain = not (recipe.cutmix or recipe.mixup or recipe.ema) and recipe.epochs >= _LONG
    return replace(flipped, cutmix=1.0, ema=0.995) if plain else flipped


_LONG = 120  # epochs, beyond those that were tried
