"""A recipe in words, as tables, plots and reports say it beside every accuracy."""

from __future__ import annotations

from presage.training.recipe import Recipe

__all__ = ["recipe_words"]


def recipe_words(recipe: Recipe, train_images: int | None = None) -> str:
    """*16 px, 2,000 images, 12 epochs*: what most decides how far networks get.

    Args:
        recipe: how networks are trained.
        train_images: those that a dataset has for training, where known: fewer than the recipe's cap are said as they
            are.
    """
    cap = recipe.train_images
    if train_images is not None:
        cap = train_images if cap is None else min(cap, train_images)
    images = "all images" if cap is None else f"{cap:,} images"
    epochs = f"{recipe.epochs:,} epoch{'' if recipe.epochs == 1 else 's'}"
    return ", ".join([f"{recipe.image_side} px", images, epochs, *(["mirrored"] if recipe.flip else [])])
