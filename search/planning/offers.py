"""Between which recipes a budget chooses, the best first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from presage.search.final.settings import LEAST_EPOCHS, FinalSettings
from presage.search.planning.final_part import whole_epochs
from presage.search.planning.workload import Offer
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe
from presage.training.recipes import RECIPES, for_photos, on_all_images, validation_images
from presage.training.resolving import SIDES
from presage.training.timing import Images

__all__ = ["offers", "preview"]

_SIDES = (64, 48, 32, 24, 16)
_LEAST = 5e6  # work at 32 pixels that training a network to be shipped may take at least, where there is time
_LEAST_SHORT = 2.5e6  # and by `standard` or `quick`
_PREVIEWED = 5  # epochs of a final training for each of the short-list's
_PREVIEW_IMAGES = 5_000
_STANDARD = 32  # side under which a final training is by `standard`, where images are larger


def offers(
    dataset: ImageDataset, recipe: Recipe, final: FinalSettings | None, fixed: Collection[str] = ()
) -> tuple[Offer, ...]:
    """Pairs of a recipe for the short-list and a final one.

    The final training is `thorough` on images as large as the dataset's (at most 64 pixels), on smaller ones, then
    `standard`, and last `quick`; always on all images, and where these are many for fewer epochs
    (`whole_epochs`). The short-list is trained by a fifth of it (`preview`): what is best by a miniature is not what is
    best in the end. Without a final training the short-list is trained by `standard` or by `quick`. Whoever gives a
    recipe is offered no other.

    Args:
        recipe, final: what was asked for.
        fixed: of `recipe` and `final_recipe`, those that stay.
    """
    keeps = "recipe" in fixed
    if final is None:
        searching = (recipe,) if keeps else (replace(RECIPES["standard"], flip=recipe.flip), recipe)
        return tuple(Offer(one, None) for one in searching)
    if "final_recipe" in fixed:
        return tuple(Offer(one, final) for one in ((recipe,) if keeps else (preview(final.recipe, recipe), recipe)))
    native = min(max(*dataset.shape[1:], SIDES[0]), SIDES[1])
    sides = sorted({native, *(side for side in _SIDES if side < native)}, reverse=True)
    pairs = [("thorough", side, _LEAST) for side in sides if side >= min(_STANDARD, native)]
    pairs += [("standard", side, _LEAST_SHORT) for side in sides if side <= _STANDARD]
    pairs.append(("quick", sides[-1], _LEAST_SHORT))
    found = []
    for name, side, least in pairs:
        last = _final(final, name, side, dataset)
        first = recipe if keeps else preview(_of_images(last.recipe, dataset), recipe)
        if first.image_side <= side:
            found.append(Offer(first, last, least * (side / 32) ** 2, by_images=True))
    return tuple(found)


def preview(final: Recipe, asked: Recipe) -> Recipe:
    """The recipe of a short-list whose best is trained by `final` then: a fifth of the epochs, at least
    `LEAST_EPOCHS`, of at most 5,000 images at the same side, mirrored only where that was asked for, never mixed. It
    holds out as many images as the search is asked to, where that is more: many networks are told apart by them.

    Args:
        asked: recipe of the search, of which the images that are scored, and whether they are mirrored, are kept.
    """
    epochs = max(round(final.epochs / _PREVIEWED), LEAST_EPOCHS)
    plain = replace(final, epochs=epochs, cutmix=0.0, mixup=0.0, ema=0.0, test_mirroring=False)
    images = min(final.train_images or _PREVIEW_IMAGES, _PREVIEW_IMAGES)
    held_out = max(final.validation_fraction, asked.validation_fraction)
    scored = replace(plain, test_images=asked.test_images, validation_fraction=held_out)
    return replace(scored, flip=asked.flip, train_images=images)


def _of_images(recipe: Recipe, dataset: ImageDataset) -> Recipe:
    """With fewer epochs where images are many."""
    total = len(dataset.y_train)
    return replace(recipe, epochs=whole_epochs(recipe, Images(total - validation_images(total), 0), 0.0))


def _final(final: FinalSettings, name: str, side: int, dataset: ImageDataset) -> FinalSettings:
    recipe = on_all_images(RECIPES[name], len(dataset.y_train))
    recipe = for_photos(recipe) if final.recipe.flip else recipe
    return replace(final, recipe=replace(recipe, image_side=side))
