"""What a plan is made from: a pair of recipes, and the work there would be by them in the units of this machine."""

from __future__ import annotations

from dataclasses import dataclass

from presage.search.final.settings import FinalSettings
from presage.training.recipe import Recipe
from presage.training.timing import Images, Speed

__all__ = ["FINISH", "Offer", "Offered", "PlannedPart", "Workload"]

FINISH = "finish"
"""Name of the part that comes last, though it is sure from the beginning."""


@dataclass(frozen=True)
class PlannedPart:
    """One part of the work: its name, what it is, and the seconds it is expected to take."""

    name: str
    what: str
    seconds: float


@dataclass(frozen=True)
class Workload:
    """What is to be planned, in the units of this machine.

    Attributes:
        images: of the dataset by the search's recipe, and `final_images` by the final one.
        spent: seconds already used, or sure to be used before the search.
        candidate: seconds to propose and score one candidate.
        searching, finishing: speeds on images of the search's and the final recipe's side.
        works: of training random networks within the limits, on one image of the search's side, ascending
            (`presage.search.latency.training_work`).
        growth: work on images of the final side, as a multiple.
        before: what `spent` is for.
        at_once: networks of the short-list, and of the baseline, that are trained side by side.
        beside: speed of final trainings side by side, by one thread each; None where all are by all threads.
    """

    images: Images
    final_images: Images
    spent: float
    candidate: float
    searching: Speed
    finishing: Speed
    works: tuple[int, ...]
    growth: float
    before: tuple[PlannedPart, ...] = ()
    at_once: int = 1
    beside: Speed | None = None

    def finals(self, networks: int, *, side_by_side: bool) -> tuple[Speed, int]:
        """The speed of final trainings, and how many one after the other they take."""
        beside = side_by_side and self.beside is not None
        return (self.beside or self.finishing, self.turns(networks)) if beside else (self.finishing, networks)

    def turns(self, networks: int) -> int:
        """Trainings one after the other that so many networks take."""
        return -(-networks // self.at_once)


@dataclass(frozen=True)
class Offer:
    """A pair of recipes that a budget may be spent by: that of the short-list, and the final one.

    Attributes:
        final: None where there is no final training.
        least: work, on images of the final side, that networks may be allowed at least: one that is trained by so much
            of a recipe should be able to learn from it. 0 demands nothing.
        by_images: whether the images tell how many epochs a final training is to have
            (`presage.search.planning.final_part.whole_epochs`), rather than the recipe.
    """

    recipe: Recipe
    final: FinalSettings | None
    least: float = 0.0
    by_images: bool = False


@dataclass(frozen=True)
class Offered:
    """An offer with the work it would be."""

    offer: Offer
    workload: Workload
