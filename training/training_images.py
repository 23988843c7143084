"""How many images of a dataset a recipe trains on."""

from __future__ import annotations

from presage.records.dataset import DatasetRecord
from presage.training.datasets.splits import MOST_VALIDATION_IMAGES
from presage.training.recipe import Recipe

__all__ = ["training_images"]


def training_images(dataset: DatasetRecord, recipe: Recipe) -> int:
    """How many images of the dataset `recipe` trains on, nearly: a class of one image may shift it by one."""
    total = dataset.train_images
    if dataset.validation_images is not None:
        return min(total - dataset.validation_images, recipe.train_images or total)
    held = max(min(round(recipe.validation_fraction * total), MOST_VALIDATION_IMAGES), dataset.classes)
    return min(total - held, recipe.train_images or total)
