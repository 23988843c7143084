"""`plan`: what a search does in so many seconds. A pure function of the speeds measured; it looks at no clock."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from presage.errors import InvalidArgument
from presage.search.final.halving import tuning_epochs
from presage.search.final.settings import TRIALS, FinalSettings
from presage.search.limits import Limits
from presage.search.settings import SearchSettings
from presage.training.recipe import Recipe
from presage.training.timing import Images, Speed

__all__ = ["LEAST_EPOCHS", "SAFE", "PlannedPart", "Plan", "Workload", "estimate", "plan"]

SAFE = 0.95
"""Share of a budget that is planned: measured speeds are off, a report and an export are still to be written."""

FINAL_SHARE = 0.65
"""Of the time for trainings, the share of the final ones."""

LEAST_EPOCHS = 3
"""Of a final training worth the name."""

_MOST_EPOCHS = 4  # times those of the final recipe: longer brings little, and the time is not missed
_CANDIDATES, _CANDIDATE_SHARE, _SHORT_LIST = (100, 2000), 0.15, (1, 10)


@dataclass(frozen=True)
class Workload:
    """What is to be planned, in the units of this machine.

    Attributes:
        images: of the dataset by the search's recipe, and `final_images` by the final one.
        spent: seconds already used.
        candidate: seconds to propose and score one candidate.
        searching, finishing: speeds on images of the search's and the final recipe's side.
        multiply_adds: of random networks within the limits, on images of the search's side, ascending.
        growth: multiply-adds on images of the final side, as a multiple.
    """

    images: Images
    final_images: Images
    spent: float
    candidate: float
    searching: Speed
    finishing: Speed
    multiply_adds: tuple[int, ...]
    growth: float


@dataclass(frozen=True)
class PlannedPart:
    """One part of the work: its name, what it is, and the seconds it is expected to take."""

    name: str
    what: str
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What a search will do.

    Attributes:
        budget: seconds asked for; None where nothing was asked and this only tells.
        settings: of the search.
        final: of the final training; None where there is none.
        parts: in order.
        reserved: seconds kept for the final trainings, tuning included.
    """

    budget: float | None
    settings: SearchSettings
    final: FinalSettings | None
    parts: tuple[PlannedPart, ...]
    reserved: float

    @property
    def seconds(self) -> float:
        """Of all parts."""
        return sum(part.seconds for part in self.parts)

    def again(self, kept: Mapping[str, Any]) -> Plan:
        """This plan with what was chosen when the run began, of which `kept` is the JSON: a run keeps its settings."""
        limits = replace(self.settings.limits, multiply_adds=kept["max_multiply_adds"])
        settings = replace(self.settings, candidates=kept["candidates"], shortlist=kept["shortlist"], limits=limits)
        final = self.final
        if final is not None and kept["final_epochs"] is not None:
            recipe = replace(final.recipe, epochs=kept["final_epochs"])
            final = replace(final, trials=kept["trials"], recipe=recipe)
        return replace(self, settings=settings, final=final)

    def to_json(self) -> dict[str, Any]:
        """Budget, parts, and what was chosen."""
        return {
            "budget": self.budget,
            "seconds": round(self.seconds, 1),
            "parts": [{**asdict(part), "seconds": round(part.seconds, 1)} for part in self.parts],
            "candidates": self.settings.candidates,
            "shortlist": self.settings.shortlist,
            "max_multiply_adds": self.settings.limits.multiply_adds,
            "trials": self.final.trials if self.final else None,
            "final_epochs": self.final.recipe.epochs if self.final else None,
            "reserved": round(self.reserved, 1),
        }


@dataclass(frozen=True)
class _Choice:
    """One way to spend the time: networks of at most so many multiply-adds, so many of them, tuned or not."""

    most: int
    shortlist: int
    candidates: int
    trials: int
    epochs: int


def plan(
    budget: float, workload: Workload, recipe: Recipe, settings: SearchSettings, final: FinalSettings | None,
    *, fixed: frozenset[str] = frozenset(),
) -> Plan:  # fmt: skip
    """The best use of `budget` seconds.

    What is best comes first: networks as large as the final training allows for at its recipe's whole length, rates
    tuned, three short-listed networks at least. Where that does not fit, tuning is left out, then half of the epochs,
    then all but a few, and last all but the smallest networks. What time is left goes to more short-listed networks
    and a longer final training.

    Args:
        settings, final: what was asked for.
        fixed: which of `candidates`, `shortlist` and `trials` must stay as they are there.

    Raises:
        InvalidArgument: not even the least fits; says the least budget that would do.
    """
    choice = _best(budget, workload, recipe, settings, final, fixed)
    if choice is None:
        raise _too_small(budget, workload, recipe, settings, final, fixed)
    return _told(budget, choice, workload, recipe, settings, final)


def estimate(workload: Workload, recipe: Recipe, settings: SearchSettings, final: FinalSettings | None) -> Plan:
    """What is asked for, as it is, with how long it will take: networks are larger than three in four random ones."""
    at = workload.multiply_adds[(3 * len(workload.multiply_adds)) // 4]
    trials, epochs = (final.trials, final.recipe.epochs) if final else (0, 0)
    choice = _Choice(at, settings.shortlist, settings.candidates, trials, epochs)
    return _told(None, choice, workload, recipe, settings, final)


def _best(
    budget: float, workload: Workload, recipe: Recipe, settings: SearchSettings, final: FinalSettings | None,
    fixed: frozenset[str],
) -> _Choice | None:  # fmt: skip
    usable = SAFE * budget - workload.spent
    least, most = _CANDIDATES
    affordable = math.floor(_CANDIDATE_SHARE * max(usable, 0.0) / max(workload.candidate * settings.rounds, 1e-9))
    candidates = settings.candidates if "candidates" in fixed else min(max(affordable, least), most)
    left = usable - settings.rounds * candidates * workload.candidate
    return next(_choices(left, candidates, workload, recipe, settings, final, fixed), None)


def _choices(
    left: float,
    candidates: int,
    workload: Workload,
    recipe: Recipe,
    settings: SearchSettings,
    final: FinalSettings | None,
    fixed: frozenset[str],
) -> Iterator[_Choice]:
    reserved = FINAL_SHARE * left if final else 0.0
    for shortlist, trials, epochs in _standards(settings, final, fixed):
        for most in dict.fromkeys(reversed(workload.multiply_adds)):
            each = workload.searching.seconds(recipe, workload.images, most)
            trained = math.floor((left - reserved) / (each * settings.rounds)) - settings.compare_random
            if trained < shortlist:
                continue
            chosen = shortlist if "shortlist" in fixed else min(trained, _SHORT_LIST[1])
            chosen = min(chosen, candidates)
            if final is None:
                yield _Choice(most, chosen, candidates, 0, 0)
                continue
            spare = left - (chosen + settings.compare_random) * settings.rounds * each
            fits = _fitting_epochs(spare / final.networks, final, trials, workload, most)
            if fits >= epochs:
                yield _Choice(most, chosen, candidates, trials, min(fits, _MOST_EPOCHS * final.recipe.epochs))


def _standards(
    settings: SearchSettings, final: FinalSettings | None, fixed: frozenset[str]
) -> Iterator[tuple[int, int, int]]:
    """Short-listed networks, settings tuned and final epochs that are asked for at least, the best first."""
    wanted = settings.shortlist if "shortlist" in fixed else 3
    least = settings.shortlist if "shortlist" in fixed else _SHORT_LIST[0]
    if final is None:
        yield from ((wanted, 0, 0), (least, 0, 0))
        return
    whole = final.recipe.epochs
    tuned = final.trials if "trials" in fixed else TRIALS
    untuned = final.trials if "trials" in fixed else 0
    yield wanted, tuned, whole
    yield wanted, untuned, whole
    yield wanted, untuned, max(whole // 2, LEAST_EPOCHS)
    yield least, untuned, LEAST_EPOCHS


def _fitting_epochs(seconds: float, final: FinalSettings, trials: int, workload: Workload, most: int) -> int:
    """Epochs of a final training that fits together with its tuning."""
    epoch = workload.finishing.epoch(final.recipe, workload.final_images, workload.growth * most)
    trainings = 1 + _tunings(trials)
    epochs = math.floor((seconds - trainings * workload.finishing.start) / epoch)
    while (
        epochs > 0 and (epochs + tuning_epochs(trials, epochs)) * epoch + trainings * workload.finishing.start > seconds
    ):
        epochs -= 1
    return epochs


def _tunings(trials: int) -> int:
    """Trainings that a tuning takes: a third of the settings again on every rung."""
    return 0 if trials < 2 else math.ceil(1.5 * trials)


def _told(
    budget: float | None, choice: _Choice, workload: Workload, recipe: Recipe, settings: SearchSettings,
    final: FinalSettings | None,
) -> Plan:  # fmt: skip
    limits = settings.limits
    if budget is not None and choice.most < workload.multiply_adds[-1]:
        limits = replace(limits, multiply_adds=min(choice.most, limits.multiply_adds or choice.most))
    chosen = replace(settings, candidates=choice.candidates, shortlist=choice.shortlist, limits=limits)
    each = workload.searching.seconds(recipe, workload.images, choice.most)
    rounds, score = settings.rounds, settings.rounds * choice.candidates * workload.candidate
    up_to = "" if limits.multiply_adds is None else f" of at most {_scaled(limits)} multiply-adds"
    parts = [
        PlannedPart("before", "read and probe the dataset, fit the predictor, time this machine", workload.spent),
        PlannedPart("search", f"{rounds * choice.candidates:,} candidates{up_to}", score),
        PlannedPart(
            "short-list", f"{rounds * choice.shortlist} networks, {recipe.epochs} epochs at {recipe.image_side} px",
            rounds * choice.shortlist * each,
        ),
    ]  # fmt: skip
    if settings.compare_random:
        parts.append(
            PlannedPart("baseline", f"{settings.compare_random} random networks", settings.compare_random * each)
        )
    last = None
    if final is not None:
        last = replace(final, trials=choice.trials, recipe=replace(final.recipe, epochs=choice.epochs))
        epoch = workload.finishing.epoch(last.recipe, workload.final_images, workload.growth * choice.most)
        tuning = (
            tuning_epochs(choice.trials, choice.epochs) * epoch + _tunings(choice.trials) * workload.finishing.start
        )
        if choice.trials > 1:
            parts.append(
                PlannedPart(
                    "tune", f"{choice.trials} settings of learning rate and weight decay", final.networks * tuning
                )
            )
        what = f"{choice.epochs} epochs at {last.recipe.image_side} px, {workload.final_images.train:,} images"
        parts.append(PlannedPart("final", what, final.networks * (workload.finishing.start + choice.epochs * epoch)))
    reserved = sum(part.seconds for part in parts if part.name in ("tune", "final"))
    return Plan(budget, chosen, last, tuple(parts), reserved)


def _scaled(limits: Limits) -> str:
    return f"{(limits.multiply_adds or 0) / 1e6:.3g}M"


def _too_small(
    budget: float, workload: Workload, recipe: Recipe, settings: SearchSettings, final: FinalSettings | None,
    fixed: frozenset[str],
) -> InvalidArgument:  # fmt: skip
    """Doubles the budget until a plan is found, and comes back to the least."""
    low, high = budget, 2 * max(budget, 1.0)

    def does(seconds: float) -> bool:
        return _best(seconds, workload, recipe, settings, final, fixed) is not None

    while not does(high) and high < 1e9:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if does(middle) else (middle, high)
    least = math.ceil(1.02 * high)
    hint = "Or choose a smaller recipe, space, or --final 0." if final else "Or choose a smaller recipe or space."
    return InvalidArgument(
        "budget", "presage search", f"be at least {least}s for this dataset here", f"{budget:g}s", hint
    )
