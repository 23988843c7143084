"""Between which recipes a budget chooses, the best first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from presage.search.final.settings import FinalSettings
from presage.search.planning.workload import Offer
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe
from presage.training.recipes import RECIPES, for_photos, on_all_images
from presage.training.resolving import SIDES

__all__ = ["offers"]

_SIDES = (64, 48, 32, 24, 16)
_LEAST = 5e6  # multiply-adds at 32 pixels that a network to be shipped may have at least, where there is time
_LEAST_SHORT = 2.5e6  # and by `standard` or `quick`
_STANDARD = 32  # side under which a final training is by `standard`, where images are larger


def offers(
    dataset: ImageDataset, recipe: Recipe, final: FinalSettings | None, fixed: Collection[str] = ()
) -> tuple[Offer, ...]:
    """Pairs of a recipe for the short-list and a final one.

    The final training is `thorough` on images as large as the dataset's (at most 64 pixels), on smaller ones, then
    `standard`, and last `quick`; always on all images. The short-list is trained by `standard` or by `quick`. Whoever
    gives a recipe is offered no other.

    Args:
        recipe, final: what was asked for.
        fixed: of `recipe` and `final_recipe`, those that stay.
    """
    keeps, keeps_final = "recipe" in fixed, "final_recipe" in fixed or final is None
    searching = (recipe,) if keeps else (replace(RECIPES["standard"], flip=recipe.flip), recipe)
    if final is None or keeps_final:
        return tuple(Offer(one, final) for one in searching)
    native = min(max(*dataset.shape[1:], SIDES[0]), SIDES[1])
    sides = sorted({native, *(side for side in _SIDES if side < native)}, reverse=True)
    found = []
    for side in [one for one in sides if one >= min(_STANDARD, native)]:
        least = _LEAST * (side / 32) ** 2
        last = _final(final, "thorough", side, dataset)
        found += [Offer(one, last, least) for one in searching if one.image_side <= side]
    small = [side for side in sides if side <= _STANDARD]
    found += [
        Offer(recipe, _final(final, "standard", side, dataset), _LEAST_SHORT * (side / 32) ** 2) for side in small
    ]
    side = sides[-1]
    return (*found, Offer(recipe, _final(final, "quick", side, dataset), _LEAST_SHORT * (side / 32) ** 2))


def _final(final: FinalSettings, name: str, side: int, dataset: ImageDataset) -> FinalSettings:
    recipe = on_all_images(RECIPES[name], len(dataset.y_train))
    recipe = for_photos(recipe) if final.recipe.flip else recipe
    return replace(final, recipe=replace(recipe, image_side=side))
