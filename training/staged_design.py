"""Experiments on networks as people ship them: of the space `stages`, trained longer, on images of 24 to 48 pixels.

The sequences of `presage.training.design` and `recipe_design` hold no network that widens from stage to stage, and few
trainings as long as a final one. Here rounds of `ROUND` experiments each have a *focus*, one of `STAGED_RECIPES`: three
new networks are trained by it, so that their order by that recipe is known; the first of them also by the shipped
recipe, the second also by the recipe that is next in the list.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count

import numpy as np

from presage.architecture.spaces import get_space
from presage.architecture.spaces.space import Space
from presage.records.dataset import DatasetRecord
from presage.training.design import GOLDEN, Candidate, Planned, seed_of
from presage.training.recipe import Recipe
from presage.training.recipe_design import estimated_seconds, sizes_of

__all__ = ["ROUND", "STAGED_RECIPES", "staged_sequence"]

ROUND = 5


def _recipe(side: int, images: int, epochs: int, *, flip: bool = False) -> Recipe:
    return Recipe(image_side=side, train_images=images, epochs=epochs, shift=0, shift_fraction=0.0625, flip=flip)


STAGED_RECIPES = (
    _recipe(32, 2000, 30, flip=True),
    _recipe(32, 2000, 12),
    _recipe(32, 1000, 40, flip=True),
    _recipe(24, 2000, 20),
    _recipe(32, 4000, 20),
    _recipe(48, 1000, 15, flip=True),
    _recipe(32, 2000, 60, flip=True),
)
"""In the order in which they are taken in turn. Fixed for good: experiments were made by them."""

_SPACE = "stages"
_SECONDS = (4.0, 60.0)  # of a core, wanted of a network by the focus, evenly in the logarithm
_DRAWS = 24  # networks, of which the one nearest to the cost wanted is taken
_STREAM = 2_000  # keeps the draws apart from those of the other designs


def staged_sequence(dataset: DatasetRecord) -> Iterator[Planned]:
    """The experiments on a dataset, in order, without end; no two are the same.

    Args:
        dataset: its fingerprint, channels, classes and number of training images tell them.
    """
    key = [*seed_of(dataset.fingerprint), _STREAM]
    phases = np.random.default_rng(key).random(2)
    start, position, drawn, known = int(phases[0] * len(STAGED_RECIPES)), 0, 0, set[str]()
    low, high = np.log(_SECONDS)
    for number in count():
        focus, second = (STAGED_RECIPES[(start + number + step) % len(STAGED_RECIPES)] for step in (0, 1))
        found: list[Candidate] = []
        while len(found) < 3:
            wanted = low + (high - low) * ((phases[1] + drawn * GOLDEN) % 1)
            candidate = _nearest(dataset, focus, wanted, [*key, drawn])
            drawn += 1
            if candidate is not None and candidate.architecture.hash not in known:
                known.add(candidate.architecture.hash)
                found.append(candidate)
        pairs = [(one, focus) for one in found]
        for candidate, recipe in (*pairs, (found[0], Recipe()), (found[1], second)):
            yield Planned(position, candidate, 0, "staged", recipe)
            position += 1


@cache
def _space() -> Space:
    return get_space(_SPACE)


def _nearest(dataset: DatasetRecord, recipe: Recipe, wanted: float, key: list[int]) -> Candidate | None:
    """Of some networks the one whose cost, in the logarithm of seconds, is nearest to what is wanted."""
    codes = _space().sample(_DRAWS, np.random.default_rng(key))
    sizes = sizes_of(_space().decode_batch(codes), dataset, recipe.image_side)
    distance = np.abs(np.log(estimated_seconds(sizes, dataset, recipe)) - wanted)
    row = int(np.argmin(distance))
    if not np.isfinite(distance[row]):
        return None
    params = _space().params(codes[row])
    return Candidate(_space().decode(params), _space().name, dict(params))
