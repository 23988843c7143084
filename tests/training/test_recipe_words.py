from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from presage.records import DatasetRecord
from presage.training.recipe import AUTO, POLICIES, Recipe
from presage.training.recipe_words import recipe_words, words_on
from presage.training.recipes import RECIPES, for_photos
from presage.training.training_images import training_images

DIGITS = DatasetRecord("0" * 64, "digits", 10, 1, 8, 8, 1438, 359)
FLOWERS = DatasetRecord("1" * 64, "flowers", 5, 3, 224, 224, 50_000, 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "16 px, up to 2,000 images, 12 epochs"),
        ({"epochs": 1, "train_images": None}, "16 px, all images, 1 epoch"),
        ({"image_side": AUTO}, "side of the images, up to 2,000 images, 12 epochs"),
        ({"flip": True, "ema": 0.9}, "16 px, up to 2,000 images, 12 epochs, mirrored, averaged weights"),
        ({"policy": "trivial"}, "16 px, up to 2,000 images, 12 epochs, random transforms"),
        ({"policy": "geometric"}, "16 px, up to 2,000 images, 12 epochs, geometric transforms"),
        ({"optimizer": "sgd", "schedule": "constant"}, "16 px, up to 2,000 images, 12 epochs, SGD, constant rate"),
        ({"flip": True, "unknown": ("clip",)}, "16 px, up to 2,000 images, 12 epochs, mirrored, the rest unknown"),
        (
            {"unknown": ("image_side", "train_images", "epochs")},
            "unknown side, unknown number of images, unknown epochs",
        ),
    ],
)
def test_what_a_recipe_is_called(changes: dict[str, Any], words: str) -> None:
    assert recipe_words(Recipe(**changes)) == words


def test_the_images_are_those_that_the_dataset_has() -> None:
    assert words_on(Recipe(), DIGITS) == "16 px, 1,150 images, 12 epochs"
    own = replace(DIGITS, validation_images=38)
    assert words_on(Recipe(), own) == "16 px, 1,400 images, 12 epochs"
    assert words_on(Recipe(train_images=100), own) == "16 px, 100 images, 12 epochs"
    assert words_on(Recipe(), FLOWERS) == "16 px, 2,000 images, 12 epochs"
    assert (
        words_on(for_photos(RECIPES["thorough"]), FLOWERS)
        == "32 px, 48,000 images, 40 epochs, mirrored, mirrored in test"
    )
    assert recipe_words(Recipe(), 1150) == words_on(Recipe(), DIGITS)
    assert (training_images(DIGITS, Recipe()), training_images(FLOWERS, Recipe(train_images=None))) == (1150, 48_000)


def test_every_augmentation_and_average_is_said() -> None:
    plain = recipe_words(Recipe())
    on: dict[str, Any] = {
        "flip": True, "erasing": 0.2, "mixup": 0.2, "cutmix": 1.0, "policy": "trivial", "ema": 0.99,
        "class_weights": True, "test_mirroring": True,
    }  # fmt: skip
    said = [recipe_words(Recipe(**{name: value})) for name, value in on.items()]
    assert all(words.startswith(f"{plain}, ") for words in said)
    assert len(set(said)) == len(on)
    later = {field.name for field in fields(Recipe)[[f.name for f in fields(Recipe)].index("shift_fraction") :]}
    assert later - set(on) == {"shift_fraction", "unknown"}
    assert len({recipe_words(Recipe(policy=policy)) for policy in POLICIES}) == len(POLICIES)
