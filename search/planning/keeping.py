"""Keeping to a budget: a clock that survives a kill, and the pace of a search that has so much time and no more."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

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
_FINALS = "finals"  # beside the epochs of each, where fewer are trained than were planned
_TOO_FEW = 0.6  # of the epochs planned, under which fewer final networks have them
_YIELDED = 0.7  # of the time reserved for final trainings, what a short-list as long as they need leaves of it at least
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
        self._image: dict[str, float] = {}  # hash → seconds that an image took when the network was short-listed
        self._foreseen: dict[str, float] = {}  # `_key` → seconds of an epoch of a final training side by side
        self._slower: list[float] = []  # by how much these took longer
        self._finals = 0 if plan.final is None else plan.final.networks
        self._listed = 1  # of the short-list: the first is trained without asking

    def begins(self, architecture: Architecture, recipe: Recipe, stage: str) -> bool:
        """Whether this training fits before what is reserved for the final ones. As many of a short-list as are to be
        trained finally, side by side, may take of that: fewer final networks cost more than fewer epochs of each."""
        self._clock.note()
        reserved = self._plan.reserved
        if stage == "tune":  # of that, a final training as long as planned needs a third
            reserved /= 3
        elif stage == "train" and self._side_by_side and self._listed < self._finals:
            reserved *= _YIELDED
        fits = (
            self._clock.spent + self._expected(architecture, recipe)
            <= SAFE * self._clock.budget - self._finish - reserved
        )
        self._listed += fits and stage == "train"
        return fits

    def trained(self, architecture: Architecture, recipe: Recipe, seconds: float) -> None:
        """Compare with what was expected."""
        self._clock.note()
        measured = self._seconds(architecture, recipe)
        if measured <= 0 or seconds <= 0:
            return
        self._ratios[self._by_search(recipe)].append(seconds / measured)
        if self._by_search(recipe):
            images, scored = self._workload.images, self._workload.searching.scored
            each = images.epoch(recipe) + scored * images.validation
            self._image[architecture.hash] = seconds / (recipe.epochs * each + scored * images.test)
        foreseen = self._foreseen.get(_key(architecture, recipe))
        if foreseen:
            self._slower.append(seconds / (foreseen * recipe.epochs))

    def finishes(self, networks: int) -> int:
        """As many as planned, or all where the short-list came to fewer, which leaves more time for each. Of those side
        by side whole turns: one alone in the last would leave cores idle for as long as it takes; and fewer turns where
        the machine has become so slow that each would have few of its epochs, before the first has begun. Two networks
        for 16 epochs were better than four for 8 (docs/tried.md)."""
        possible = min(self._finals, networks)
        fixed = _fixed(self._kept)
        finals = min(fixed.get(_FINALS, possible), possible)
        if self._side_by_side:
            slots, begun = self._workload.at_once, fixed.keys() - {_FINALS}
            finals = finals - finals % slots if finals > slots else finals
            while not begun and finals > slots and self._share_of_epochs(finals) < _TOO_FEW:
                finals -= slots
        if finals < possible:  # a short-list that came to fewer may be longer when the run is taken up
            write_json(self._kept, {**fixed, _FINALS: finals})
        self._finals = finals
        return finals

    def _share_of_epochs(self, networks: int) -> float:
        """Of the epochs planned, what each of so many networks will have, by what they took in the short-list; 1 where
        that is not known."""
        final, workload = self._plan.final, self._workload
        if final is None or not self._image or final.recipe.image_side != self._search.image_side:
            return 1.0
        epoch = self._final_epoch(statistics.median(self._image.values()), final.recipe)
        left = self._clock.budget - self._finish - self._clock.spent
        each = left / workload.turns(networks) - workload.finishing.start
        return each / (epoch * final.recipe.epochs)

    def _final_epoch(self, image: float, recipe: Recipe) -> float:
        """Seconds of an epoch of a final training, where each image takes so many."""
        images = self._workload.final_images
        return image * (images.epoch(recipe) + self._workload.searching.scored * images.validation)

    def fitted(self, architecture: Architecture, recipe: Recipe) -> Recipe:
        """As many epochs as there is time for, a few at least, four times those planned at most; fixed once for all.

        One that will be trained side by side was short-listed so: what it took then, and what others took for their
        work, tell the time of an epoch, as far as final trainings that are over do not correct it. Any other is timed
        now, since what the trainings of a short-list took, each by one thread beside another, says little of what a
        training by all threads, alone, will take; and so is one of which it is not known, with what the others lost
        beside one another.
        """
        fixed = _fixed(self._kept)
        key = _key(architecture, recipe)
        if key not in fixed:
            start = self._workload.finishing.start
            epoch = self._epoch(architecture, recipe)
            safe = 1.0 if self._side_by_side else SAFE  # those after it make good what one takes too long
            left = safe * self._clock.budget - self._finish - self._clock.spent - start
            share = left / self._shares(len(fixed.keys() - {_FINALS}))
            fixed[key] = min(max(math.floor(share / epoch), LEAST_EPOCHS), _LONGER * recipe.epochs)
            write_json(self._kept, fixed)
        return replace(recipe, epochs=int(fixed[key]))

    def _epoch(self, architecture: Architecture, recipe: Recipe) -> float:
        """Seconds of an epoch of the final training that is about to begin."""
        if self._side_by_side:
            epoch = self._as_short_listed(architecture, recipe) or self._timed_beside(architecture, recipe)
            if epoch is not None:
                self._foreseen[_key(architecture, recipe)] = epoch
                return epoch * (statistics.median(self._slower[-_LATEST:]) if self._slower else 1.0)
        else:
            epoch = self._timer(architecture, recipe)
        if epoch is None:
            start = self._workload.finishing.start
            epoch = max(self._expected(architecture, replace(recipe, epochs=1)) - start, 1e-9)
        return epoch

    def _as_short_listed(self, architecture: Architecture, recipe: Recipe) -> float | None:
        """By what the network took in the short-list, and what its work makes of what all took there: the geometric
        mean, for a single training may have been disturbed, or had nothing beside it. None where that is not known, or
        was on images of another side."""
        image = self._image.get(architecture.hash)
        if image is None or recipe.image_side != self._search.image_side:
            return None
        own, ratio = self._final_epoch(image, recipe), statistics.median(self._ratios[True][-_LATEST:])
        speed, images = self._workload.searching, self._workload.final_images
        return math.sqrt(own * ratio * speed.epoch(recipe, images, self._work(architecture, recipe)))

    def _timed_beside(self, architecture: Architecture, recipe: Recipe) -> float | None:
        """Timed alone, and longer by so much as those of the short-list took longer beside others."""
        epoch, ratios = self._timer(architecture, recipe), self._ratios[True][-_LATEST:]
        return None if epoch is None else epoch * max(statistics.median(ratios) if ratios else _BESIDE, _BESIDE)

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
        work = self._work(architecture, recipe)
        if self._by_search(recipe):
            return self._workload.searching.seconds(recipe, self._workload.images, work)
        return self._workload.finishing.seconds(recipe, self._workload.final_images, work)

    def _work(self, architecture: Architecture, recipe: Recipe) -> float:
        """Of training the network on one image."""
        shape = (self._channels, recipe.image_side, recipe.image_side)
        return float(training_work(GraphBatch.of([architecture.canonical]), shape, self._classes)[0])

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

    def finishes(self, networks: int) -> int:
        """As many as there was time for."""
        return min(_fixed(self._kept).get(_FINALS, networks), networks)

    def fitted(self, architecture: Architecture, recipe: Recipe) -> Recipe:
        """With the epochs that were fixed, where they were; else as planned."""
        epochs = _fixed(self._kept).get(_key(architecture, recipe))
        return recipe if epochs is None else replace(recipe, epochs=epochs)


def _fixed(path: Path) -> dict[str, int]:
    """What was fixed: epochs of the final trainings by `_key`; where fewer are trained than planned, how many."""
    return read_as(path, lambda kept: {str(name): _at_least_one(number) for name, number in kept.items()}) or {}


def _at_least_one(number: Any) -> int:
    if int(number) < 1:
        raise ValueError(f"{number} is less than 1")
    return int(number)


def _key(architecture: Architecture, recipe: Recipe) -> str:
    return f"{architecture.hash[:16]}-{recipe.image_side}-{recipe.learning_rate:g}-{recipe.weight_decay:g}"
