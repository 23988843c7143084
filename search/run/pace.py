"""How a search is told to hurry: asked before each training, told after it. Without a budget nobody does."""

from __future__ import annotations

from typing import Protocol

from presage.architecture.graph import Architecture
from presage.training.recipe import Recipe

__all__ = ["Pace", "Unhurried"]


class Pace(Protocol):
    """Knows how much time there is, and how long trainings take."""

    def begins(self, architecture: Architecture, recipe: Recipe, stage: str) -> bool:
        """Whether this training may begin, in the stage `train`, `baseline` or `tune`."""

    def trained(self, architecture: Architecture, recipe: Recipe, seconds: float) -> None:
        """A training came to its end, after so many seconds; one that ended early says nothing of how long it takes."""

    def finishes(self, networks: int) -> int:
        """How many of the networks that could be trained finally should be."""

    def fitted(self, architecture: Architecture, recipe: Recipe) -> Recipe:
        """The final recipe with as many epochs as there is time for, which stay fixed from then on."""

    def is_over(self) -> bool:
        """Whether a final training under way must end."""


class Unhurried:
    """All the time in the world."""

    def begins(self, architecture: Architecture, recipe: Recipe, stage: str) -> bool:
        """Always."""
        return True

    def trained(self, architecture: Architecture, recipe: Recipe, seconds: float) -> None:
        """See `Pace.trained`: it is not remembered."""

    def finishes(self, networks: int) -> int:
        """All of them."""
        return networks

    def fitted(self, architecture: Architecture, recipe: Recipe) -> Recipe:
        """The recipe as it is."""
        return recipe

    def is_over(self) -> bool:
        """Never."""
        return False
