"""How far the experience reaches, and what is said of predictions beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from presage.output import scaled
from presage.workplace import Workplace

if TYPE_CHECKING:
    from presage.training import Recipe

__all__ = ["Reach", "kept_reach", "reach"]

LEAST = 100
"""Experiments by a recipe from which on predictions for it are not said to extrapolate."""


@dataclass(frozen=True)
class Reach:
    """What predictions for a recipe rest on.

    Attributes:
        of_recipe: finished experiments by exactly this recipe.
        largest: multiply-adds of the largest network of the whole experience; 0 where there is none.
    """

    of_recipe: int
    largest: int

    def notes(self, multiply_adds: Sequence[int]) -> tuple[str, ...]:
        """A short line for each way in which predictions of these networks extrapolate."""
        found = []
        if self.of_recipe < LEAST:
            count = f"Only {self.of_recipe}" if self.of_recipe else "None"
            found.append(f"{count} of the experience's networks were trained by this recipe: predictions extrapolate.")
        over = [one for one in multiply_adds if one > self.largest]
        if over and self.largest:
            found.append(
                f"{len(over)} of {len(multiply_adds)} networks (up to {scaled(max(over))} multiply-adds) are larger "
                f"than any of the experience ({scaled(self.largest)}): their predictions extrapolate."
            )
        return tuple(found)


def reach(place: Workplace, recipe: Recipe) -> Reach:
    """What the database holds for a recipe, and how large its networks are."""
    with place.open() as database:
        rows = database.experiments()
    of_recipe = sum(rows.recipes[at] == recipe.hash for at in rows.recipe.tolist())
    return Reach(of_recipe, int(rows.multiply_adds.max(initial=0)))


def kept_reach(place: Workplace, recipe: Recipe, run_folder: Path) -> Reach:
    """The same as it was when the run began: what a run trains does not change what was predicted before it."""
    from presage.files import read_json, write_json

    path = run_folder / "experience.json"
    kept = read_json(path)
    if kept is not None:
        return Reach(**kept)
    found = reach(place, recipe)
    write_json(path, asdict(found))
    return found
