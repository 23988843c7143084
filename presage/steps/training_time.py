"""How many epochs of what networks fit a time: what `presage train --budget` trains by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument

if TYPE_CHECKING:
    from presage.architectures import NamedArchitecture
    from presage.training import ImageDataset, Recipe
    from presage.training.timing import Images, Timing

__all__ = ["Fitted", "epochs_within", "recipe_within"]

_MOST = 4  # times the recipe's epochs: longer brings little


@dataclass(frozen=True)
class Fitted:
    """A recipe whose epochs fit a budget, and the seconds that all trainings by it are expected to take."""

    recipe: Recipe
    seconds: float


def recipe_within(
    budget: float, spent: float, dataset: ImageDataset, architectures: Sequence[NamedArchitecture], recipe: Recipe,
    device: str,
) -> Fitted:  # fmt: skip
    """The recipe with as many epochs as fit what is left of a budget, by timing a few steps of each network.

    Args:
        budget, spent: seconds asked for, and those gone already.

    Raises:
        InvalidArgument: not one epoch fits; says the least that would do.
        InvalidArchitecture: a network that cannot take the dataset's images; names it.
    """
    from presage.architectures import costs_of
    from presage.search.planning.measuring import images_of
    from presage.training.timing import timed

    shape, classes = (dataset.shape[0], recipe.image_side, recipe.image_side), len(dataset.classes)
    for named in architectures:
        costs_of(named, shape, classes)
    timings = [timed(named.architecture, shape, classes, recipe, device, depth=True) for named in architectures]
    return epochs_within(budget, spent, [one for one in timings if one is not None], images_of(dataset, recipe), recipe)


def epochs_within(budget: float, spent: float, timings: Sequence[Timing], images: Images, recipe: Recipe) -> Fitted:
    """As `recipe_within`, of networks that are timed already. Looks at no clock."""
    from presage.search.planning.plan import SAFE
    from presage.training.timing import fitted_speed

    speeds = [(fitted_speed([one]), one.work) for one in timings]
    start = sum(speed.start for speed, _ in speeds)
    epoch = sum(speed.epoch(recipe, images, work) for speed, work in speeds)
    epochs = min(math.floor((SAFE * budget - spent - start) / epoch), _MOST * recipe.epochs) if speeds else 1
    if epochs < 1:
        least = math.ceil((spent + start + epoch) / SAFE) + 1
        rule = f"be at least {least}s for one epoch of these networks here"
        raise InvalidArgument("budget", "presage train", rule, f"{budget:g}s")
    return Fitted(replace(recipe, epochs=epochs), start + epochs * epoch)
