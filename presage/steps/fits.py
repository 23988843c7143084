"""Which fit of a predictor serves a task: what it is fitted to, what it is told of the task, and what waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presage.database import Database, ExperimentColumns
    from presage.database.learned import Learned

__all__ = ["MOST_GIVEN", "Fit", "LearnedFrom", "fit_for"]

MOST_GIVEN = 300
"""Trainings of a task up to which all of them correct predictions there; of more, only those not fitted to."""


@dataclass(frozen=True)
class LearnedFrom:
    """What predictions rest on.

    Attributes:
        fitted_to: experiments that the predictor was fitted to.
        told: trainings of the dataset by the recipe that it was told since, which correct it.
        waiting: newer experiments, of other tasks, that wait for the next fit.
    """

    fitted_to: int
    told: int
    waiting: int

    @property
    def words(self) -> str:
        """The same in a sentence."""
        parts = [f"The predictor was fitted to {self.fitted_to:,} experiments"]
        parts += [f"was told of {self.told:,} by this recipe on this dataset"] if self.told else []
        said = f"{' and '.join(parts)}."
        if self.waiting:
            wait = f"{self.waiting:,} newer ones wait" if self.waiting > 1 else "1 newer one waits"
            said = f"{said[:-1]}; {wait} for the next fit (--refit fits it to all)."
        return said


@dataclass(frozen=True)
class Fit:
    """What a predictor is fitted to before it is asked about a task.

    Attributes:
        learned: which experiments it is fitted to, and which wait.
        content: hash of what it is fitted to.
        told: experiments of the task that it is told.
        waiting: how many of those that wait are not told.
    """

    learned: Learned
    content: str
    told: ExperimentColumns
    waiting: int

    @property
    def learned_from(self) -> LearnedFrom:
        """In numbers."""
        from presage.database import MOST_LEARNED

        return LearnedFrom(min(self.learned.fitted, MOST_LEARNED), len(self.told), self.waiting)


def fit_for(database: Database, dataset: str, recipe: str, *, whole: bool = False) -> Fit:
    """The fit that serves a task, one for all tasks. It follows from the content of the database alone.

    Networks trained on the task itself correct the predictor: what has just been trained counts at once, and nothing is
    fitted anew. They do so too where it was fitted to them, which is about as good as a fit without them
    (docs/tried.md). With very many only those are told that it was not fitted to.

    Args:
        dataset, recipe: fingerprint and hash of the task.
        whole: to all that there is; nothing waits.
    """
    from presage.database import SampledDatabase

    learned = database.learned(whole=whole)
    content = SampledDatabase(database, learned).content_hash()
    own = database.experiments(datasets=[dataset], recipe=recipe)
    late = database.experiments(datasets=[dataset], recipe=recipe, among=learned.late)
    few = len(own) <= MOST_GIVEN and learned.fitted > len(own) - len(late)  # something else is known
    return Fit(learned, content, own if few else late, len(learned.late) - len(late))
