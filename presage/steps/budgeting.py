"""Time as the budget: what a search will do and for how long, told before it begins, and kept to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument

if TYPE_CHECKING:
    from presage.architecture.spaces import Space
    from presage.search import FinalSettings, ScorerFactory, SearchSettings, Verified
    from presage.search.latency.model import LatencyModel
    from presage.search.planning.plan import Plan
    from presage.search.run.pace import Pace
    from presage.search.studies.scorer import AnyScorer
    from presage.training import ImageDataset, Recipe

__all__ = ["Arranged", "TimeWish", "arranged"]

_PLAN, _SPENT, _EPOCHS = "plan.json", "spent.json", "final-epochs.json"


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


def arranged(
    wish: TimeWish | None,
    dataset: ImageDataset,
    space: Space,
    recipe: Recipe,
    asked: Arranged,
    *,
    latency: LatencyModel | None,
    run_folder: Path,
    device: str,
) -> Arranged:
    """The search that is asked for, made to fit the wish, which is told of it.

    A run that was begun with a budget keeps the settings that were chosen for it then. Without a wish, or for a run
    that is done, nothing is measured.

    Raises:
        InvalidArgument: the budget is too small, or the search trains a super-net, of which nothing is foretold.
    """
    from presage.files import read_json, write_json
    from presage.search.planning.keeping import BudgetClock, BudgetPace
    from presage.search.planning.measuring import measured
    from presage.search.planning.plan import Plan, estimate, plan

    kept = read_json(run_folder / _PLAN)
    done = (run_folder / "result.json").exists()
    if asked.scorer is None:
        if wish is not None and wish.seconds is not None:
            rule = "be left out where a super-net is trained: how long that takes is not foretold"
            raise InvalidArgument("budget", "presage search", rule, f"{wish.seconds:g}s")
        return asked
    if wish is None or (done and wish.seconds is None):
        if kept is None:
            return asked
        again = Plan(None, asked.settings, asked.final, (), 0.0).again(kept)
        return replace(asked, settings=again.settings, final=again.final)
    scorer = _Once(asked.scorer)
    clock = BudgetClock(run_folder / _SPENT, wish.seconds or float("inf"), began=wish.began)
    workload = measured(
        dataset, space, recipe, asked.settings, asked.final, scorer.first,
        latency=latency, device=device, spent=lambda: clock.spent,
    )  # fmt: skip
    if wish.seconds is not None and kept is None:
        found = plan(wish.seconds, workload, recipe, asked.settings, asked.final, fixed=wish.fixed)
        write_json(run_folder / _PLAN, found.to_json())
    else:
        found = estimate(workload, recipe, asked.settings, asked.final)
        if kept is not None:
            found = replace(found, budget=wish.seconds, reserved=kept["reserved"]).again(kept)
    wish.tell(found)
    pace = None
    if wish.seconds is not None:
        epochs = run_folder / _EPOCHS
        pace = BudgetPace(clock, found, workload, epochs, dataset.shape[0], len(dataset.classes), recipe)
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
