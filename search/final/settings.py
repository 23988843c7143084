"""What the final training is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from presage.errors import InvalidArgument
from presage.search.limits import Limits
from presage.training.recipe import Recipe

__all__ = ["LEAST_EPOCHS", "TRIALS", "FinalSettings"]

LEAST_EPOCHS = 3
"""Of a final training worth the name."""

TRIALS = 9
"""Settings of learning rate and weight decay that are tried before a final training."""


@dataclass(frozen=True)
class FinalSettings:
    """How the best of the short-list are trained in the end.

    Attributes:
        recipe: the final recipe.
        networks: how many of the short-list, the best first.
        trials: settings of learning rate and weight decay tried for each before; under 2 tunes nothing.
        mirror: whether a network of the short-list is asked if images may be mirrored
            (`presage.training.mirroring`); where they may, the recipe is that for photos
            (`presage.training.recipes.for_photos`).
        side_by_side: whether they are trained several at once, each by one thread, where nothing is tuned and the run
            trains its short-list so, too; else one after the other, by all threads.
        average: whether the mean of several is left in place of the best of them, where it is within the limits and
            validation images do not say that it is worse (`presage.search.final.joining`).
        limits: what a network may cost on the final recipe's images, too; those of a search that a plan made are on
            its own images alone.
    """

    recipe: Recipe
    networks: int = 1
    trials: int = TRIALS
    limits: Limits = field(default_factory=Limits)
    mirror: bool = False
    side_by_side: bool = False
    average: bool = True

    def __post_init__(self) -> None:
        for name, least in (("networks", 1), ("trials", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InvalidArgument(name, "FinalSettings", f"be a whole number of at least {least}", value)
