"""A recipe in words, as tables, plots and reports say it beside every accuracy."""

from __future__ import annotations

from presage.records.dataset import DatasetRecord
from presage.training.recipe import AUTO, Recipe
from presage.training.training_images import training_images

__all__ = ["recipe_words", "words_on"]

_POLICIES = {"trivial": "random transforms"}  # the others are transforms of the kind that they are named after


def recipe_words(recipe: Recipe, train_images: int | None = None) -> str:
    """*16 px, 1,150 images, 12 epochs*: what most decides how far networks get, and what is not plain.

    Args:
        recipe: how networks are trained.
        train_images: those that a dataset has for training, where known: fewer than the recipe's cap are said as they
            are. Where unknown, a cap is said as one: *up to 2,000 images*.
    """
    cap, unknown = recipe.train_images, recipe.unknown
    if "train_images" in unknown:
        images = "unknown number of images"
    elif train_images is not None:
        images = f"{train_images if cap is None else min(cap, train_images):,} images"
    else:
        images = "all images" if cap is None else f"up to {cap:,} images"
    side = "side of the images" if recipe.image_side == AUTO else f"{recipe.image_side} px"
    side = "unknown side" if "image_side" in unknown else side
    epochs = f"{recipe.epochs:,} epoch{'' if recipe.epochs == 1 else 's'}"
    epochs = "unknown epochs" if "epochs" in unknown else epochs
    rest = ["the rest unknown"] if set(unknown) - {"image_side", "train_images", "epochs"} else []
    return ", ".join([side, images, epochs, *_beyond_plain(recipe), *rest])


def words_on(recipe: Recipe, dataset: DatasetRecord) -> str:
    """The recipe in words, with the number of images that it trains on of this dataset."""
    return recipe_words(recipe, training_images(dataset, recipe))


def _beyond_plain(recipe: Recipe) -> list[str]:
    """What a plain training lacks, a word or two each."""
    policy = _POLICIES.get(recipe.policy, f"{recipe.policy} transforms")
    said = {
        "mirrored": recipe.flip,
        policy: recipe.policy != "none",
        "erasing": recipe.erasing > 0,
        "mixup": recipe.mixup > 0,
        "cutmix": recipe.cutmix > 0,
        "SGD": recipe.optimizer == "sgd",
        "constant rate": recipe.schedule == "constant",
        "averaged weights": recipe.ema > 0,
        "weighted classes": recipe.class_weights,
        "mirrored in test": recipe.test_mirroring,
    }
    return [words for words, applies in said.items() if applies]
