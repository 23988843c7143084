"""`plan`: what a search does in so many seconds. A pure function of the speeds measured; it looks at no clock."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from presage.errors import InvalidArgument
from presage.search.final.halving import tuning_epochs
from presage.search.final.settings import LEAST_EPOCHS, TRIALS, FinalSettings
from presage.search.ladder import planned_epochs
from presage.search.limits import Limits
from presage.search.planning.final_part import final_epochs, is_too_large, several, tunings, whole_epochs
from presage.search.planning.workload import FINISH, Offer, Offered, PlannedPart, Workload
from presage.search.settings import FULL, SearchSettings
from presage.training.recipe import Recipe

__all__ = ["SAFE", "Plan", "best_plan", "estimate", "plan"]

SAFE = 0.95
"""Share of a budget that is planned: measured speeds are off, a report and an export are still to be written."""

FINAL_SHARE = 0.65
"""Of the time for trainings, the share of the final ones."""

_TELLING = 400  # validation images by which nine settings of the rates can be told apart: to 2.5 points at worst
_MOST_EPOCHS = 4  # times those of the final recipe: longer brings little, and the time is not missed
_LARGEST = 60e6  # work of training a network on one image of the final side, where the budget chooses
_TO_CHOOSE_FROM = 3  # networks short-listed at least, where there is time for them
_CANDIDATES, _CANDIDATE_SHARE, _SHORT_LIST = (100, 2000), 0.15, (1, 10)


@dataclass(frozen=True)
class Plan:
    """What a search will do.

    Attributes:
        budget: seconds asked for; None where nothing was asked and this only tells.
        settings: of the search.
        final: of the final training; None where there is none.
        parts: in order.
        reserved: seconds kept for the final trainings, tuning included.
        recipe: of the short-list; None in plans of before it was chosen, too.
        offer: which of those offered was taken.
    """

    budget: float | None
    settings: SearchSettings
    final: FinalSettings | None
    parts: tuple[PlannedPart, ...]
    reserved: float
    recipe: Recipe | None = None
    offer: int = 0

    @property
    def seconds(self) -> float:
        """Of all parts."""
        return sum(part.seconds for part in self.parts)

    def again(self, kept: Mapping[str, Any]) -> Plan:
        """This plan with what was chosen when the run began, of which `kept` is the JSON: a run keeps its settings."""
        limits = replace(
            self.settings.limits,
            multiply_adds=kept["max_multiply_adds"],
            training_work=kept.get("max_training_work"),  # plans of before limited multiply-adds
        )
        settings = replace(self.settings, candidates=kept["candidates"], shortlist=kept["shortlist"], limits=limits)
        final = self.final
        if final is not None and kept["final_epochs"] is not None:
            last = Recipe.from_json(kept["final_recipe"]) if kept.get("final_recipe") else final.recipe
            final = replace(
                final,
                trials=kept["trials"],
                recipe=replace(last, epochs=kept["final_epochs"]),
                networks=kept.get("final_networks") or final.networks,
                side_by_side=bool(kept.get("finals_side_by_side")),
            )
        recipe = Recipe.from_json(kept["recipe"]) if kept.get("recipe") else self.recipe
        return replace(self, settings=settings, final=final, recipe=recipe)

    def to_json(self) -> dict[str, Any]:
        """Budget, parts, and what was chosen."""
        return {
            "budget": self.budget,
            "seconds": round(self.seconds, 1),
            "parts": [{**asdict(part), "seconds": round(part.seconds, 1)} for part in self.parts],
            "candidates": self.settings.candidates,
            "shortlist": self.settings.shortlist,
            "max_multiply_adds": self.settings.limits.multiply_adds,
            "max_training_work": self.settings.limits.training_work,
            "trials": self.final.trials if self.final else None,
            "final_epochs": self.final.recipe.epochs if self.final else None,
            "final_networks": self.final.networks if self.final else None,
            "finals_side_by_side": self.final.side_by_side if self.final else None,
            "recipe": self.recipe.to_json() if self.recipe else None,
            "final_recipe": self.final.recipe.to_json() if self.final else None,
            "reserved": round(self.reserved, 1),
        }


@dataclass(frozen=True)
class _Choice:
    """One way to spend the time: networks of at most so much work, so many of them, tuned or not."""

    most: int
    shortlist: int
    candidates: int
    trials: int
    epochs: int
    finals: int = 1
    side_by_side: bool = False


def plan(
    budget: float, workload: Workload, recipe: Recipe, settings: SearchSettings, final: FinalSettings | None,
    *, fixed: frozenset[str] = frozenset(),
) -> Plan:  # fmt: skip
    """As `best_plan`, where the recipes are given."""
    return best_plan(budget, [Offered(Offer(recipe, final), workload)], settings, fixed=fixed)


def best_plan(
    budget: float, offered: Sequence[Offered], settings: SearchSettings, *, fixed: frozenset[str] = frozenset(),
    whatever: bool = False,
) -> Plan:  # fmt: skip
    """The best use of `budget` seconds.

    What is best comes first: the first pair of recipes by which a final training of its recipe's whole length fits,
    of networks as large as that allows for, rates tuned, three short-listed networks at least; where that does not
    fit, or validation images are too few to tell rates by, rates not tuned, and where networks are trained side by side
    as many final trainings as that in place of one by all threads, of which small networks make little; twice as many,
    or more, where there is time for it, since the mean of networks tells images apart better than one that was trained
    longer. Where no pair fits so, the last of them is taken with half of the epochs, then with all but a few, and last
    with all but the smallest networks. What time is left goes to more short-listed networks and longer final trainings;
    of networks trained side by side no more are short-listed than these need, or than there must be to choose from.

    Args:
        offered: pairs of recipes, the best first, with the work they would be.
        settings: what was asked for.
        fixed: which of `candidates`, `shortlist` and `trials` must stay as they are there, or in the final settings.
        whatever: plan the least there is where nothing fits.

    Raises:
        InvalidArgument: not even the least fits; says the least budget that would do.
    """
    found = _best(budget, offered, settings, fixed)
    if found is None and whatever:
        found = _best(_least_budget(budget, offered, settings, fixed), offered, settings, fixed)
    if found is None:
        raise _too_small(budget, offered, settings, fixed)
    at, choice = found
    offer = offered[at].offer
    told = _told(budget, choice, offered[at].workload, offer.recipe, settings, offer.final)
    return replace(told, offer=at)


def estimate(workload: Workload, recipe: Recipe, settings: SearchSettings, final: FinalSettings | None) -> Plan:
    """What is asked for, as it is, with how long it will take: networks are larger than three in four random ones."""
    at = workload.works[(3 * len(workload.works)) // 4]
    trials, epochs = (final.trials, final.recipe.epochs) if final else (0, 0)
    choice = _Choice(at, settings.shortlist, settings.candidates, trials, epochs, final.networks if final else 1)
    return _told(None, choice, workload, recipe, settings, final)


def _best(
    budget: float, offered: Sequence[Offered], settings: SearchSettings, fixed: frozenset[str]
) -> tuple[int, _Choice] | None:
    """The first offer that fits, and how."""
    for whole in (True, False):
        for at, one in enumerate(offered):
            if not whole and at < len(offered) - 1:
                continue
            found = next(_choices(budget, one, settings, fixed, whole=whole), None)
            if found is not None:
                return at, found
    return None


def _choices(
    budget: float, offered: Offered, settings: SearchSettings, fixed: frozenset[str], *, whole: bool
) -> Iterator[_Choice]:
    """What fits of an offer, the best first.

    Args:
        whole: a final training of its recipe's whole length; else what there is where that does not fit.
    """
    offer, workload = offered.offer, offered.workload
    final = offer.final
    usable = SAFE * budget - workload.spent
    least, most_candidates = _CANDIDATES
    affordable = math.floor(_CANDIDATE_SHARE * max(usable, 0.0) / max(workload.candidate * settings.rounds, 1e-9))
    candidates = settings.candidates if "candidates" in fixed else min(max(affordable, least), most_candidates)
    left = usable - settings.rounds * candidates * workload.candidate
    reserved = FINAL_SHARE * left if final else 0.0
    telling = workload.final_images.validation >= _TELLING
    for shortlist, trials, share, sized in _standards(settings, final, fixed, whole=whole, telling=telling):
        sizes = _sizes(offer, workload, sized=sized)
        for most in sizes:
            each = workload.searching.seconds(offer.recipe, workload.images, most)
            turns = math.floor((left - reserved) / (each * settings.rounds))
            trained = turns * workload.at_once - settings.compare_random
            if trained < shortlist:
                continue
            chosen = shortlist if "shortlist" in fixed else min(trained, _SHORT_LIST[1])
            chosen = min(chosen, candidates)
            if final is None:
                yield _Choice(most, chosen, candidates, 0, 0)
                continue
            turns = workload.turns(chosen) + workload.turns(settings.compare_random)
            spare = left - turns * settings.rounds * each
            beside = workload.beside is not None and final.networks == 1 and trials < 2 and chosen > 1
            finals = min(workload.at_once, chosen) if beside else final.networks
            fits = final_epochs(spare, final, trials, workload, most, finals, beside=beside)
            long = _whole(offer, final, workload, most, trials)
            if fits < (long if share == 1 else max(math.floor(share * long), LEAST_EPOCHS)):
                continue
            if beside and most != sizes[-1] and is_too_large(spare, final, workload, most, long):
                continue
            if beside:
                finals, fits = several(spare, final, workload, most, chosen, (finals, fits), long)
                needed = workload.at_once * workload.turns(max(finals, shortlist, _TO_CHOOSE_FROM))
                if needed < chosen and "shortlist" not in fixed:  # more would be left out
                    spare += (workload.turns(chosen) - workload.turns(needed)) * settings.rounds * each
                    chosen = needed
                    fits = final_epochs(spare, final, trials, workload, most, finals, beside=True)
            fits = min(fits, _MOST_EPOCHS * final.recipe.epochs)
            yield _Choice(most, chosen, candidates, trials, fits, finals, beside)


def _whole(offer: Offer, final: FinalSettings, workload: Workload, most: int, trials: int) -> int:
    """Epochs of a final training of whole length. One that is tuned is as long as its recipe at least."""
    if not offer.by_images:
        return final.recipe.epochs
    found = whole_epochs(final.recipe, workload.final_images, most * workload.growth)
    return max(found, final.recipe.epochs) if trials > 1 else found


def _sizes(offer: Offer, workload: Workload, *, sized: bool) -> list[int]:
    """Limits on the work of training to choose from, the largest first.

    Networks beyond `_LARGEST` on images of the final side are not asked for where smaller ones are there.

    Args:
        sized: none under the offer's least, where there are larger.
    """
    found = [*dict.fromkeys(reversed(workload.works))]
    if offer.least:
        found = [most for most in found if most * workload.growth <= _LARGEST] or found[-1:]
    if sized:
        found = [most for most in found if most * workload.growth >= offer.least] or found[:1]
    return found


def _standards(
    settings: SearchSettings, final: FinalSettings | None, fixed: frozenset[str], *, whole: bool, telling: bool
) -> Iterator[tuple[int, int, float, bool]]:
    """Short-listed networks, settings tuned and the share of whole final trainings that are asked for at least, the
    best first, and whether networks must have the offer's least size.

    Args:
        telling: validation images can tell settings apart; else none are tried, unless it was asked for.
    """
    wanted = settings.shortlist if "shortlist" in fixed else _TO_CHOOSE_FROM
    least = settings.shortlist if "shortlist" in fixed else _SHORT_LIST[0]
    if final is None:
        yield (wanted if whole else least), 0, 0.0, whole
        return
    tuned = final.trials if "trials" in fixed else TRIALS
    untuned = final.trials if "trials" in fixed else 0
    if whole:
        if telling or "trials" in fixed:
            yield wanted, tuned, 1.0, True
        yield wanted, untuned, 1.0, True
    else:
        yield least, untuned, 1.0, True
        yield least, untuned, 0.5, True
        yield least, untuned, 0.0, False


def _short_list(settings: SearchSettings, choice: _Choice, recipe: Recipe, beside: str) -> str:
    """What is trained of it, in words."""
    count, at = settings.rounds * choice.shortlist, f"at {recipe.image_side} px"
    if settings.verify == FULL:
        return f"{count} networks{beside}, {recipe.epochs} epochs {at}"
    return f"{count} networks by {settings.verify}, few of them to the end of {recipe.epochs} epochs {at}"


def _turns(settings: SearchSettings, choice: _Choice, workload: Workload, recipe: Recipe) -> float:
    """Whole trainings one after the other that a round's short-list takes."""
    if settings.verify == FULL:
        return workload.turns(choice.shortlist)
    return planned_epochs(settings.verify, choice.shortlist, recipe.epochs) / recipe.epochs


def _told(
    budget: float | None, choice: _Choice, workload: Workload, recipe: Recipe, settings: SearchSettings,
    final: FinalSettings | None,
) -> Plan:  # fmt: skip
    limits = settings.limits
    if budget is not None and choice.most < workload.works[-1]:
        limits = replace(limits, training_work=min(choice.most, limits.training_work or choice.most))
    chosen = replace(settings, candidates=choice.candidates, shortlist=choice.shortlist, limits=limits)
    each = workload.searching.seconds(recipe, workload.images, choice.most)
    rounds, score = settings.rounds, settings.rounds * choice.candidates * workload.candidate
    up_to = _up_to(limits, workload)
    beside = f", {workload.at_once} at once" if workload.at_once > 1 else ""
    before = PlannedPart("before", "read and probe the dataset, fit the predictor, time this machine", workload.spent)
    parts = [
        *([part for part in workload.before if part.name != FINISH] or [before]),
        PlannedPart("search", f"{rounds * choice.candidates:,} candidates{up_to}", score),
        PlannedPart(
            "short-list",
            _short_list(settings, choice, recipe, beside),
            rounds * _turns(settings, choice, workload, recipe) * each,
        ),
    ]  # fmt: skip
    if settings.compare_random:
        parts.append(
            PlannedPart(
                "baseline",
                f"{settings.compare_random} random networks{beside}",
                workload.turns(settings.compare_random) * each,
            )
        )
    last = None
    if final is not None:
        last = replace(
            final,
            trials=choice.trials,
            recipe=replace(final.recipe, epochs=choice.epochs),
            networks=choice.finals,
            side_by_side=choice.side_by_side,
        )
        speed, turns = workload.finals(choice.finals, side_by_side=choice.side_by_side)
        epoch = speed.epoch(last.recipe, workload.final_images, workload.growth * choice.most)
        tuning = tuning_epochs(choice.trials, choice.epochs) * epoch + tunings(choice.trials) * workload.finishing.start
        if choice.trials > 1:
            parts.append(
                PlannedPart(
                    "tune", f"{choice.trials} settings of learning rate and weight decay", final.networks * tuning
                )
            )
        what = f"{choice.epochs} epochs at {last.recipe.image_side} px, {workload.final_images.train:,} images"
        if choice.side_by_side:
            what = f"{choice.finals} networks, {workload.at_once} at once, {what}"
        parts.append(PlannedPart("final", what, turns * (speed.start + choice.epochs * epoch)))
    parts += [part for part in workload.before if part.name == FINISH]
    reserved = sum(part.seconds for part in parts if part.name in ("tune", "final"))
    return Plan(budget, chosen, last, tuple(parts), reserved, recipe)


def _up_to(limits: Limits, workload: Workload) -> str:
    """How large candidates may be, in words."""
    said = [] if limits.multiply_adds is None else [f"of at most {limits.multiply_adds / 1e6:.3g}M multiply-adds"]
    if limits.training_work is not None:
        image = workload.finishing.image + workload.finishing.each * workload.growth * limits.training_work
        said.append(f"that train on an image in at most {1e3 * image:.2g} ms")
    return "".join(f" {one}" for one in said)


def _too_small(
    budget: float, offered: Sequence[Offered], settings: SearchSettings, fixed: frozenset[str]
) -> InvalidArgument:
    least = math.ceil(1.02 * _least_budget(budget, offered, settings, fixed))
    final = offered[-1].offer.final
    hint = "Or choose a smaller recipe, space, or --final 0." if final else "Or choose a smaller recipe or space."
    return InvalidArgument(
        "budget", "presage search", f"be at least {least}s for this dataset here", f"{budget:g}s", hint
    )


def _least_budget(budget: float, offered: Sequence[Offered], settings: SearchSettings, fixed: frozenset[str]) -> float:
    """The least over `budget` for which there is a plan: doubled until one is found, and back again."""
    low, high = budget, 2 * max(budget, 1.0)

    def does(seconds: float) -> bool:
        return _best(seconds, offered, settings, fixed) is not None

    while not does(high) and high < 1e9:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if does(middle) else (middle, high)
    return high
