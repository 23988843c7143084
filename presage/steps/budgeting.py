"""Time as the budget: what a search will do and for how long, told before it begins, and kept to."""

from __future__ import annotations

import time
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument
from presage.output import duration
from presage.steps.difficulty import SEEDS

if TYPE_CHECKING:
    from presage.architecture.spaces import Space
    from presage.search import FinalSettings, ScorerFactory, SearchSettings, Verified
    from presage.search.latency.model import LatencyModel
    from presage.search.planning.measuring import MeasuredMachine
    from presage.search.planning.plan import Plan
    from presage.search.run.pace import Pace
    from presage.search.studies.scorer import AnyScorer
    from presage.training import ImageDataset, Recipe

__all__ = ["Arranged", "Budgeting", "TimeWish", "seconds_of"]

_PLAN, _SPENT, _EPOCHS = "plan.json", "spent.json", "final-epochs.json"
_SHORT = 900.0  # seconds of a budget under which a dataset is probed once: three probes may take minutes


@dataclass(frozen=True)
class TimeWish:
    """What a user wants to know of, or spend, in time.

    Attributes:
        seconds: the budget; None only asks how long it will take.
        fixed: settings that were given, and stay: `candidates`, `shortlist`, `trials`.
        tell: told the plan before the search begins.
        began: when the command began, by `time.monotonic`.
    """

    seconds: float | None = None
    fixed: frozenset[str] = frozenset()
    tell: Callable[[Plan], None] = lambda plan: None
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Arranged:
    """A search as it fits the time there is."""

    settings: SearchSettings
    final: FinalSettings | None
    scorer: ScorerFactory | None
    pace: Pace | None = None


def seconds_of(budget: float | str, owner: str) -> float:
    """A budget in seconds.

    Args:
        budget: seconds, or a time as in ``"30m"``.
        owner: the function it was given to, for the error.

    Raises:
        InvalidArgument: it is neither.
    """
    if not isinstance(budget, str):
        if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 < budget < float("inf"):
            raise InvalidArgument("budget", owner, "be a number of seconds above 0", budget)
        return float(budget)
    try:
        return duration(budget)
    except ArgumentTypeError:
        raise InvalidArgument("budget", owner, "be seconds, or a time such as 90s, 10m or 1h30m", budget) from None


class Budgeting:
    """One search and the time there is for it. Trainings are timed at once, before anything long is begun.

    A run that was begun with a budget keeps the settings that were chosen for it then. Without a wish, or for a run
    that is done, nothing is measured.

    Args:
        asked: the search as it was asked for.

    Raises:
        InvalidArgument: the budget is too small whatever the probe and the predictor take, or the search trains a
            super-net, of which nothing is foretold.
    """

    def __init__(
        self,
        wish: TimeWish | None,
        dataset: ImageDataset,
        space: Space,
        recipe: Recipe,
        asked: Arranged,
        *,
        latency: LatencyModel | None,
        run_folder: Path,
        device: str,
    ) -> None:
        from presage.files import read_json
        from presage.search.planning.keeping import BudgetClock
        from presage.search.planning.measuring import measured
        from presage.search.planning.plan import plan

        self._dataset, self._recipe, self._asked, self._folder = dataset, recipe, asked, run_folder
        self._wish, self._seconds = wish, None if wish is None else wish.seconds
        self._kept = read_json(run_folder / _PLAN)
        self._measured: MeasuredMachine | None = None
        if asked.scorer is None and wish is not None and wish.seconds is not None:
            rule = "be left out where a super-net is trained: how long that takes is not foretold"
            raise InvalidArgument("budget", "presage search", rule, f"{wish.seconds:g}s")
        done = (run_folder / "result.json").exists()
        if asked.scorer is None or wish is None or (done and wish.seconds is None):
            return
        self._clock = BudgetClock(run_folder / _SPENT, wish.seconds or float("inf"), began=wish.began)
        final = asked.final
        self._measured = measured(dataset, space, recipe, asked.settings, final, latency=latency, device=device)
        if wish.seconds is not None and self._kept is None:
            work = replace(self._measured.workload, spent=self._clock.spent)
            plan(wish.seconds, work, recipe, asked.settings, final, fixed=wish.fixed)  # refused before the probe

    @property
    def probes(self) -> int:
        """Of a dataset that no probe is known of: one where time is short."""
        return 1 if self._seconds is not None and self._seconds < _SHORT else SEEDS

    def arranged(self) -> Arranged:
        """The search made to fit; who asked is told.

        Raises:
            InvalidArgument: the budget is too small, now that the dataset is probed and the predictor fitted.
        """
        from presage.files import write_json
        from presage.search.planning.keeping import BudgetPace
        from presage.search.planning.plan import Plan, estimate, plan

        asked, kept, wish = self._asked, self._kept, self._wish
        if self._measured is None or wish is None or asked.scorer is None:
            if kept is None:
                return asked
            again = Plan(None, asked.settings, asked.final, (), 0.0).again(kept)
            return replace(asked, settings=again.settings, final=again.final)
        scorer = _Once(asked.scorer)
        workload = self._measured.scored(scorer.first(), lambda: self._clock.spent)
        if wish.seconds is not None and kept is None:
            found = plan(wish.seconds, workload, self._recipe, asked.settings, asked.final, fixed=wish.fixed)
            write_json(self._folder / _PLAN, found.to_json())
        else:
            found = estimate(workload, self._recipe, asked.settings, asked.final)
            if kept is not None:
                found = replace(found, budget=wish.seconds, reserved=kept["reserved"]).again(kept)
        wish.tell(found)
        if wish.seconds is None:
            return Arranged(found.settings, found.final, scorer)
        channels, classes = self._dataset.shape[0], len(self._dataset.classes)
        epochs = self._folder / _EPOCHS
        pace = BudgetPace(self._clock, found, workload, epochs, channels, classes, self._recipe)
        return Arranged(found.settings, found.final, scorer, pace)


class _Once:
    """A factory of scorers whose first is made once, though it is asked for by the plan and by the search."""

    def __init__(self, factory: ScorerFactory) -> None:
        self._factory = factory
        self._first: AnyScorer | None = None

    def first(self) -> AnyScorer:
        """That of the first round."""
        if self._first is None:
            self._first = self._factory(1, ())
        return self._first

    def __call__(self, round_number: int, verified: Sequence[Verified], /) -> AnyScorer:
        if round_number == 1 and not verified:
            return self.first()
        return self._factory(round_number, verified)
