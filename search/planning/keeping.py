"""Keeping to a budget: a clock that survives a kill, and the pace of a search that has so much time and no more."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.graph import Architecture
from presage.files import write_json
from presage.reading import read_as
from presage.search.final.settings import LEAST_EPOCHS
from presage.search.latency.training_work import training_work
from presage.search.planning.plan import SAFE, Plan
from presage.search.planning.workload import FINISH, Workload
from presage.search.run.pace import Unhurried
from presage.training.recipe import Recipe

__all__ = ["BudgetClock", "BudgetPace", "KeptPace"]

_NOTED_EVERY = 2.0  # seconds
_TAKEN_UP = 0.8  # share of a budget that counts as spent at most, when a run is taken up again
_CUT = 1.1  # times the budget after which a final training under way is stopped
_BESIDE = 1.1  # times what it takes alone that a training beside others takes at least
_LONGER = 4  # times the epochs planned, where trainings take less than was expected
_LATEST = 5  # trainings that the correction of the speeds is the median of


class BudgetClock:
    """Seconds spent on a run, those before it was last stopped included.

    Args:
        path: where they are noted, at most every two seconds.
        budget: seconds.
        now: seconds of a clock that never goes back.
        began: its time when the work began; None for now.
    """

    def __init__(
        self, path: Path, budget: float, now: Callable[[], float] = time.monotonic, began: float | None = None
    ) -> None:
        self.budget, self._path, self._now = budget, path, now
        spent = read_as(path, lambda kept: max(float(kept.get("spent", 0.0)), 0.0)) or 0.0
        self._before = min(spent, _TAKEN_UP * budget)
        self._began = now() if began is None else began
        self._noted = -math.inf

    @property
    def spent(self) -> float:
        """Seconds so far."""
        return self._before + self._now() - self._began

    def note(self) -> None:
        """Put down the seconds spent, so that a kill loses no more than two of them."""
        if self._now() - self._noted >= _NOTED_EVERY:
            self._noted = self._now()
            write_json(self._path, {"budget": self.budget, "spent": round(self.spent, 1)})


class BudgetPace:
    """A `Pace` that keeps a search to its plan, and corrects the plan by what trainings really took.

    Args:
        kept: where the epochs of final trainings are put down once they are fixed.
        channels: of the dataset's images: (channels, s, s) is what a recipe of side s makes of them.
        search: the recipe of the short-list.
        timer: seconds of an epoch of a network, timed now by some steps of it; None where that failed.
    """

    def __init__(
        self,
        clock: BudgetClock,
        plan: Plan,
        workload: Workload,
        kept: Path,
        channels: int,
        classes: int,
        search: Recipe,
        timer: Callable[[Architecture, Recipe], float | None] = lambda architecture, recipe: None,
    ) -> None:
        self._clock, self._plan, self._workload, self._kept = clock, plan, workload, kept
        self._channels, self._classes, self._search, self._timer = channels, classes, search, timer
        self._finish = sum(part.seconds for part in plan.parts if part.name == FINISH)
        self._ratios: dict[bool, list[float]] = {True: [], False: []}  # by the search's recipe, and by others
        self._finals = 0 if plan.final is None else plan.final.networks

    def begins(self, architecture: Architecture, recipe: Recipe, stage: str) -> bool:
        """Whether this training fits before what is reserved for the final ones."""
        self._clock.note()
        reserved = self._plan.reserved
        if stage == "tune":  # of that, a final training as long as planned needs a third
            reserved /= 3
        return (
            self._clock.spent + self._expected(architecture, recipe)
            <= SAFE * self._clock.budget - self._finish - reserved
        )

    def trained(self, architecture: Architecture, recipe: Recipe, seconds: float) -> None:
        """Compare with what was expected."""
        self._clock.note()
        measured = self._seconds(architecture, recipe)
        if measured > 0 and seconds > 0:
            self._ratios[self._by_search(recipe)].append(seconds / measured)

    def finishes(self, networks: int) -> int:
        """As many as planned, or all where the short-list came to fewer, which leaves more time for each. Of those side
        by side whole turns: one alone in the last would leave cores idle for as long as it takes."""
        finals = min(self._finals, networks)
        slots = self._workload.at_once if self._side_by_side else 1
        self._finals = finals - finals % slots if finals > slots else finals
        return self._finals

    def fitted(self, architecture: Architecture, recipe: Recipe) -> Recipe:
        """As many epochs as there is time for, a few at least, four times those planned at most; fixed once for all.

        The network is timed for it: what the trainings of a short-list took, each by one thread beside another, says
        little of what a training by all threads, alone, will take. Of trainings side by side it says what is lost
        against one thread alone.
        """
        fixed = _epochs(self._kept)
        key = _key(architecture, recipe)
        if key not in fixed:
            start = self._workload.finishing.start
            epoch = self._timer(architecture, recipe)
            if epoch is None:
                epoch = max(self._expected(architecture, replace(recipe, epochs=1)) - start, 1e-9)
            elif self._side_by_side:  # it was timed alone; what stood beside others took so much longer
                ratios = self._ratios[True][-_LATEST:]
                epoch *= max(statistics.median(ratios), _BESIDE) if ratios else _BESIDE
            safe = 1.0 if self._side_by_side else SAFE  # those after it make good what one takes too long
            left = safe * self._clock.budget - self._finish - self._clock.spent - start
            fixed[key] = min(
                max(math.floor(left / self._shares(len(fixed)) / epoch), LEAST_EPOCHS), _LONGER * recipe.epochs
            )
            write_json(self._kept, fixed)
        return replace(recipe, epochs=int(fixed[key]))

    def is_over(self) -> bool:
        """Whether the budget is overdrawn by a tenth, with what is still to be written."""
        self._clock.note()
        return self._clock.spent > _CUT * self._clock.budget - self._finish

    def _shares(self, fixed: int) -> float:
        """Into how many trainings as long as this one the time left goes, with `fixed` networks seen to already."""
        final = self._plan.final
        if final is None:
            return 1.0
        if final.side_by_side:
            return float(self._workload.turns(max(self._finals - fixed, 1)))
        each = 3.0 if final.trials > 1 else 1.0  # its tuning takes about twice as long as a training
        return 1.0 + each * max(self._finals - fixed - 1, 0)

    @property
    def _side_by_side(self) -> bool:
        return self._plan.final is not None and self._plan.final.side_by_side

    def _by_search(self, recipe: Recipe) -> bool:
        return recipe.hash == self._search.hash

    def _seconds(self, architecture: Architecture, recipe: Recipe) -> float:
        """As measured before anything was trained."""
        shape = (self._channels, recipe.image_side, recipe.image_side)
        work = float(training_work(GraphBatch.of([architecture.canonical]), shape, self._classes)[0])
        if self._by_search(recipe):
            return self._workload.searching.seconds(recipe, self._workload.images, work)
        return self._workload.finishing.seconds(recipe, self._workload.final_images, work)

    def _expected(self, architecture: Architecture, recipe: Recipe) -> float:
        """Corrected by the latest trainings of the kind, else of the other."""
        ratios = self._ratios[self._by_search(recipe)] or self._ratios[not self._by_search(recipe)]
        return self._seconds(architecture, recipe) * (statistics.median(ratios[-_LATEST:]) if ratios else 1.0)


class KeptPace(Unhurried):
    """That of a run which had a budget and is taken up without one: what was fixed for its final trainings stays.

    Args:
        kept: as `BudgetPace` put it down.
    """

    def __init__(self, kept: Path) -> None:
        self._kept = kept

    def fitted(self, architecture: Architecture, recipe: Recipe) -> Recipe:
        """With the epochs that were fixed, where they were; else as planned."""
        epochs = _epochs(self._kept).get(_key(architecture, recipe))
        return recipe if epochs is None else replace(recipe, epochs=epochs)


def _epochs(path: Path) -> dict[str, int]:
    """What was fixed: epochs of the final trainings by `_key`."""
    return read_as(path, lambda kept: {str(name): int(epochs) for name, epochs in kept.items()}) or {}


def _key(architecture: Architecture, recipe: Recipe) -> str:
    return f"{architecture.hash[:16]}-{recipe.image_side}-{recipe.learning_rate:g}-{recipe.weight_decay:g}"
