"""Time as the budget: what a search will do and for how long, told before it begins, and kept to."""

from __future__ import annotations

import time
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.errors import InvalidArgument
from presage.output import duration
from presage.steps.difficulty import SEEDS

if TYPE_CHECKING:
    from presage.architecture.graph import Architecture
    from presage.architecture.spaces import Space
    from presage.search import FinalSettings, ScorerFactory, SearchSettings, Verified
    from presage.search.latency.model import LatencyModel
    from presage.search.planning.measuring import MeasuredMachine
    from presage.search.planning.plan import Plan
    from presage.search.planning.workload import Offered
    from presage.search.run.pace import Pace
    from presage.search.studies.scorer import AnyScorer
    from presage.training import ImageDataset, Recipe

__all__ = ["PLAN", "Arranged", "Budgeting", "TimeWish", "seconds_of"]

PLAN, _SPENT, _EPOCHS = "plan.json", "spent.json", "final-epochs.json"
_SCORED = 0.004  # seconds to score a candidate, until that is measured
_FINISH = 5.0  # processor seconds to export a model and write a report
_NOTABLE = 0.1  # share of a plan's time by which it may change without being told again
_SPUN = 0.3  # processor seconds by which it is told how much others use the machine
_SHORT = 900.0  # seconds of a budget under which a dataset is probed once: three probes may take minutes


@dataclass(frozen=True)
class TimeWish:
    """What a user wants to know of, or spend, in time.

    Attributes:
        seconds: the budget; None only asks how long it will take.
        fixed: what was given, and stays: `candidates`, `shortlist`, `trials`, `recipe`, `final_recipe`.
        tell: told the plan before the search begins.
        began: when the command began, by `time.monotonic`.
    """

    seconds: float | None = None
    fixed: frozenset[str] = frozenset()
    tell: Callable[[Plan], None] = lambda plan: None
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Arranged:
    """A search as it fits the time there is.

    Attributes:
        scorers: gives what scores candidates of a search by a recipe; None where a super-net does.
    """

    settings: SearchSettings
    final: FinalSettings | None
    recipe: Recipe
    scorers: Callable[[Recipe], ScorerFactory | None]
    scorer: ScorerFactory | None = None
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
    """One search and the time there is for it. Trainings are timed at once, before anything long is begun, and who
    asked is told the plan then: the probe and the predictor are part of it.

    A run that was begun with a budget keeps the settings that were chosen for it then. Without a wish, or for a run
    that is done, nothing is measured.

    Args:
        asked: the search as it was asked for.
        before: seconds that the probe and the predictor are expected to take, by what they are called.
        at_once: networks of a short-list that are trained side by side, each by one thread; None: one after the other,
            by all threads.

    Raises:
        InvalidArgument: the budget is too small, or the search trains a super-net, of which nothing is foretold.
    """

    def __init__(
        self,
        wish: TimeWish | None,
        dataset: ImageDataset,
        space: Space,
        asked: Arranged,
        *,
        before: Callable[[int], Mapping[str, float]],
        latency: LatencyModel | None,
        run_folder: Path,
        device: str,
        at_once: int | None = None,
    ) -> None:
        from presage.reading import read_as
        from presage.search.planning.keeping import BudgetClock
        from presage.search.planning.measuring import PROPOSED, measured
        from presage.search.planning.offers import offers
        from presage.search.planning.workload import Offer

        self._dataset, self._asked, self._folder, self._device = dataset, asked, run_folder, device
        self._wish, self._seconds = wish, None if wish is None else wish.seconds
        self._kept = read_as(run_folder / PLAN, self._checked)
        self._measured: MeasuredMachine | None = None
        self._first = asked.scorers(asked.recipe)
        if self._first is None and wish is not None and wish.seconds is not None:
            rule = "be left out where a super-net is trained: how long that takes is not foretold"
            raise InvalidArgument("budget", "presage search", rule, f"{wish.seconds:g}s")
        run_folder.mkdir(parents=True, exist_ok=True)
        done = (run_folder / "result.json").exists()
        if self._first is None or wish is None or (done and wish.seconds is None):
            return
        self._clock = BudgetClock(run_folder / _SPENT, wish.seconds or float("inf"), began=wish.began)
        choices: Sequence[Offer] = (Offer(asked.recipe, asked.final),)
        if wish.seconds is not None and self._kept is None:
            choices = offers(dataset, asked.recipe, asked.final, self._fixed(wish))
        elif self._kept is not None:
            again = self._again(self._kept)
            choices = (Offer(again.recipe or asked.recipe, again.final),)
        self._finish = _FINISH * _crowding()
        self._measured = measured(
            dataset, space, choices, asked.settings, latency=latency, device=device, at_once=at_once,
            brief=self._short,
        )  # fmt: skip
        self._timed = self._clock.spent
        ahead = [("measure", "read the dataset, time this machine", self._timed)]
        ahead += [(what.split()[0], what, seconds) for what, seconds in before(self.probes).items()]
        self._told = self._planned(ahead, _SCORED + PROPOSED)
        wish.tell(self._told)

    @property
    def probes(self) -> int:
        """Of a dataset that no probe is known of: one where time is short."""
        return 1 if self._short else SEEDS

    @property
    def _short(self) -> bool:
        return self._seconds is not None and self._seconds < _SHORT

    @property
    def recipe(self) -> Recipe:
        """That of the short-list, as far as it is known: what predictions rest on."""
        found = self._told.recipe if self._measured is not None else self._again(self._kept or {}).recipe
        return found or self._asked.recipe

    def arranged(self) -> Arranged:
        """The search made to fit, now that the dataset is probed; the predictor is fitted. Who asked is told again
        where what was told has changed.

        Where the probe and the predictor took more than was to be foreseen, so that nothing fits any more, the least is
        done: one network short-listed, and a final training as far as there is time.
        """
        from presage.files import write_json
        from presage.search.planning.keeping import BudgetPace, KeptPace

        asked, kept, wish = self._asked, self._kept, self._wish
        as_before = None if kept is None else KeptPace(self._folder / _EPOCHS)
        if self._measured is None or wish is None or self._first is None:
            if kept is None:
                return replace(asked, scorer=self._first)
            again = self._again(kept)
            recipe = again.recipe or asked.recipe
            return replace(
                asked,
                settings=again.settings,
                final=again.final,
                recipe=recipe,
                scorer=asked.scorers(recipe),
                pace=as_before,
            )
        probed = self._clock.spent
        chosen = self.recipe
        scorer = _Once(self._first if chosen == asked.recipe else self._scorers(chosen))
        candidate = self._measured.scoring(scorer.first())
        spent = self._clock.spent
        before = [
            ("measure", "read the dataset, time this machine", self._timed),
            ("probe", "probe the dataset", probed - self._timed),
            ("fit", "fit the predictor", spent - probed),
        ]
        found = self._planned(before, candidate, begun=True)
        if found.recipe != chosen:  # another pair of recipes, now: predictions are for another recipe
            scorer = _Once(self._scorers(found.recipe or asked.recipe))
        if wish.seconds is not None and kept is None:
            write_json(self._folder / PLAN, found.to_json())
        if _differs(found, self._told):
            wish.tell(found)
        recipe = found.recipe or asked.recipe
        if wish.seconds is None:
            return replace(
                asked, settings=found.settings, final=found.final, recipe=recipe, scorer=scorer, pace=as_before
            )
        channels, classes = self._dataset.shape[0], len(self._dataset.classes)
        workload = self._offered(before, candidate)[found.offer].workload
        side_by_side = found.final is not None and found.final.side_by_side
        timer = partial(self._epoch_seconds, by_one_thread=side_by_side)
        pace = BudgetPace(self._clock, found, workload, self._folder / _EPOCHS, channels, classes, recipe, timer=timer)
        return replace(asked, settings=found.settings, final=found.final, recipe=recipe, scorer=scorer, pace=pace)

    def _epoch_seconds(self, architecture: Architecture, recipe: Recipe, *, by_one_thread: bool) -> float | None:
        """Of a final training that is about to begin: some steps of the network, by the threads that will train it."""
        from presage.search.planning.measuring import images_of
        from presage.training.hardware import one_thread
        from presage.training.timing import timed

        shape = (self._dataset.shape[0], recipe.image_side, recipe.image_side)
        with one_thread() if by_one_thread else nullcontext():
            found = timed(architecture, shape, len(self._dataset.classes), recipe, self._device)
        return None if found is None else found.epoch(recipe, images_of(self._dataset, recipe))

    def _fixed(self, wish: TimeWish) -> frozenset[str]:
        """What stays: a limit on a network's costs is one on images of the side that was asked for."""
        limits = self._asked.settings.limits
        costs = (limits.multiply_adds, limits.activation_bytes, limits.latency_seconds)
        limited = any(one is not None for one in costs) or self._asked.settings.needs_latency
        return wish.fixed | {"recipe"} if limited else wish.fixed

    def _scorers(self, recipe: Recipe) -> ScorerFactory:
        found = self._asked.scorers(recipe)
        assert found is not None  # a super-net is refused before
        return found

    def _offered(self, before: Sequence[tuple[str, str, float]], candidate: float) -> Sequence[Offered]:
        from presage.search.planning.workload import FINISH, PlannedPart

        assert self._measured is not None
        last = (FINISH, "export the model, write the report", self._finish)
        return self._measured.offered([PlannedPart(*one) for one in (*before, last)], candidate)

    def _planned(self, before: Sequence[tuple[str, str, float]], candidate: float, *, begun: bool = False) -> Plan:
        """The plan. Once the work is `begun` the least is done whatever the budget; the pace leaves out what it can."""
        from presage.search.planning.plan import best_plan, estimate

        asked, kept, wish = self._asked, self._kept, self._wish
        assert wish is not None
        offered = self._offered(before, candidate)
        if wish.seconds is not None and kept is None:
            try:
                return best_plan(wish.seconds, offered, asked.settings, fixed=wish.fixed)
            except InvalidArgument:
                if not begun:
                    raise
                return best_plan(wish.seconds, offered[-1:], asked.settings, fixed=wish.fixed, whatever=True)
        one = offered[0]
        found = estimate(one.workload, one.offer.recipe, asked.settings, one.offer.final)
        if kept is None:
            return found
        return replace(found, budget=wish.seconds, reserved=kept["reserved"]).again(kept)

    def _checked(self, kept: Any) -> Mapping[str, Any]:
        """A kept plan that can be taken up again."""
        float(kept["reserved"])
        self._again(kept)
        return dict(kept)

    def _again(self, kept: Mapping[str, Any]) -> Plan:
        from presage.search.planning.plan import Plan

        found = Plan(None, self._asked.settings, self._asked.final, (), 0.0, self._asked.recipe)
        return found.again(kept) if kept else found


def _crowding() -> float:
    """By how much a process is slowed by others that use the machine, too, at least 1: a part of a second of the
    processor against the clock.
    """
    began, used = time.monotonic(), time.process_time()
    while (spent := time.process_time() - used) < _SPUN:
        sum(range(1000))
    return max((time.monotonic() - began) / spent, 1.0)


def _differs(found: Plan, told: Plan) -> bool:
    """Whether what will be done, or how long it takes, is not what was told."""
    same = (found.settings.shortlist, found.recipe, found.final) == (told.settings.shortlist, told.recipe, told.final)
    return not same or abs(found.seconds - told.seconds) > _NOTABLE * told.seconds


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
