from __future__ import annotations

import numpy as np
import pytest

from presage.errors import InvalidArgument
from presage.training import ImageDataset, Recipe, prepare
from presage.training.recipe import AUTO
from presage.training.resolving import resolved


def dataset(n: int, height: int, width: int) -> ImageDataset:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, height, width, 1)).astype(np.uint8)
    labels = np.arange(n) % 2
    return ImageDataset("noise", images, labels, images[:4], labels[:4], ("a", "b"))


@pytest.mark.parametrize(("shape", "side"), [((8, 12), 16), ((28, 28), 28), ((20, 33), 33), ((90, 100), 64)])
def test_the_side_is_the_longer_one_of_the_images_within_limits(shape: tuple[int, int], side: int) -> None:
    assert resolved(Recipe(image_side=AUTO), dataset(40, *shape)).image_side == side


@pytest.mark.parametrize(
    ("n", "cap", "batch"), [(1000, None, 32), (1500, None, 64), (1500, 900, 32), (13_000, None, 128)]
)
def test_the_batch_follows_the_number_of_training_images(n: int, cap: int | None, batch: int) -> None:
    assert resolved(Recipe(batch=AUTO, train_images=cap), dataset(n, 4, 4)).batch == batch


def test_a_recipe_of_numbers_stays() -> None:
    assert resolved(Recipe(), dataset(10, 4, 4)) == Recipe()


def test_what_is_not_resolved_is_not_trained() -> None:
    with pytest.raises(InvalidArgument, match=r"`image_side` of `prepare` must be a number.*resolved"):
        prepare(dataset(40, 8, 8), Recipe(image_side=AUTO), "cpu")


def test_auto_is_a_word_in_json() -> None:
    recipe = Recipe(image_side=AUTO, batch=AUTO)
    assert recipe.to_json()["image_side"] == recipe.to_json()["batch"] == "auto"
    assert Recipe.from_json(recipe.to_json()) == recipe
