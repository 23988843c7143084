"""How far predictions extrapolate: what they rest on, and what is said of those beyond it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from presage.output import scaled

if TYPE_CHECKING:
    from presage.database import ExperimentColumns
    from presage.training import Recipe

__all__ = ["Extrapolation", "extrapolation", "kept_extrapolation"]

LEAST = 100
"""Experiments by a recipe from which on predictions for it are not said to extrapolate."""


@dataclass(frozen=True)
class Extrapolation:
    """What predictions for a recipe rest on; whatever lies beyond is extrapolated.

    Attributes:
        of_recipe: finished experiments by exactly this recipe.
        largest: multiply-adds of the largest network of the whole experience; 0 where there is none.
        waiting: experiments that wait for the next fit of the predictor, when a run began.
    """

    of_recipe: int
    largest: int
    waiting: int = 0

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
        if self.waiting:
            found.append(
                f"The predictor was not fitted to {self.waiting:,} of the newest experiments, of other tasks: they "
                "wait for the next fit (--refit fits it to all)."
            )
        return tuple(found)


def extrapolation(finished: ExperimentColumns, recipe: Recipe) -> Extrapolation:
    """Of a recipe.

    Args:
        finished: every finished experiment of the database.
    """
    by_it = [at for at, digest in enumerate(finished.recipes) if digest == recipe.hash]
    of_recipe = int((finished.recipe == by_it[0]).sum()) if by_it else 0
    return Extrapolation(of_recipe, int(finished.multiply_adds.max(initial=0)))


def kept_extrapolation(run_folder: Path, found: Callable[[], Extrapolation]) -> Extrapolation:
    """As it was when the run began: what a run trains does not change what was predicted before it.

    Args:
        found: gives it anew; called where the run folder keeps none, which then keeps this.
    """
    from presage.files import write_json
    from presage.reading import read_as, record

    path = run_folder / "experience.json"
    kept = read_as(path, lambda told: record(Extrapolation, told))
    if kept is not None:
        return kept
    new = found()
    write_json(path, asdict(new))
    return new
