"""What `auto` means in a recipe: told by the images, so that what is recorded is always a recipe of plain numbers."""

from __future__ import annotations

from dataclasses import replace

from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.splits import split
from presage.training.recipe import AUTO, Recipe

__all__ = ["resolved"]

SIDES = (16, 64)
"""Least and largest side that images tell. Provisional, to be chosen by measurement."""

BATCHES = ((1_000, 32), (10_000, 64))
"""Up to so many training images, this batch; beyond, twice the last. Provisional, to be chosen by measurement."""


def resolved(recipe: Recipe, dataset: ImageDataset) -> Recipe:
    """The recipe with each `auto` replaced: the side by the longer one of the images, the batch by their number.

    A recipe without `auto` stays as it is.
    """
    side, batch = recipe.image_side, recipe.batch
    if recipe.image_side == AUTO:
        side = min(max(*dataset.shape[1:], SIDES[0]), SIDES[1])
    if recipe.batch == AUTO:
        division = split(
            dataset,
            seed=recipe.split_seed,
            validation_fraction=recipe.validation_fraction,
            train_images=recipe.train_images,
        )
        n = len(division.train)
        batch = next((told for most, told in BATCHES if n <= most), 2 * BATCHES[-1][1])
    return replace(recipe, image_side=side, batch=batch)
