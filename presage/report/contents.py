"""What the report's page shows beside the numbers of the result: charts, and the network in the folder `best`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from presage.errors import UnknownName
from presage.output import reaching
from presage.reading import reading
from presage.report.charts.chart import Chart
from presage.report.charts.of_networks import (
    RANDOM,
    SHORT,
    NetworkPoint,
    agreement_chart,
    cost_chart,
    curves_chart,
    huddled,
    progress_chart,
)
from presage.report.networks import RANDOM as BASELINE
from presage.report.networks import ShownNetwork
from presage.report.reading import read

if TYPE_CHECKING:
    from presage.architecture.spaces import Space
    from presage.search.final_result import FinalEnsemble
    from presage.search.result import Chosen, SearchResult
    from presage.search.run.run_folder import RunFolder
    from presage.search.studies.predicted import Candidates

__all__ = ["Agreement", "Best", "CandidateCharts", "agreement_of", "best_of", "candidates_of", "charts_of", "space_of"]

PREDICTED = "predicted accuracy"

COSTS = {
    "multiply_adds": ("multiply_adds", "multiply-adds for one image", 1),
    "parameters": ("parameters", "parameters", 1),
    "activation_bytes": ("activation_bytes", "activation bytes for one image", 1),
    "latency": ("latency_seconds", "estimated latency, ms", 1000),
}
"""Objective → field of a chosen network, what a chart calls it, and what its numbers are multiplied by there."""


@dataclass(frozen=True)
class Side:
    """The short-list or the random baseline: of how many networks the trained accuracy was within its interval."""

    label: str
    within: int
    networks: int


@dataclass(frozen=True)
class Agreement:
    """Predicted accuracies beside trained ones.

    Attributes:
        level: nominal coverage of the intervals.
        sides: those with any network that was predicted and trained.
        charts: predicted against trained accuracy; a second one of the short-list alone where the first has it in a
            corner.
    """

    level: float
    sides: tuple[Side, ...]
    charts: tuple[Chart, ...]


@dataclass(frozen=True)
class CandidateCharts:
    """All candidates of a search.

    Attributes:
        number: of those with a score.
        score: what the scores are, as charts call it: never an accuracy where none was predicted.
        progress: the scores in the order of proposal.
        fronts: the scores against each cost that is known, that of the search's objectives first.
        extrapolation: how many predictions reach how far beyond experience, in words; "" where it was not told.
    """

    number: int
    score: str
    progress: Chart
    fronts: tuple[Chart, ...]
    extrapolation: str = ""

    @property
    def predicted(self) -> bool:
        """The scores are predicted accuracies."""
        return self.score == PREDICTED


@dataclass(frozen=True)
class Best:
    """The network that lies in the run folder's `best`.

    Attributes:
        network: its row.
        how: which training it had, for *… accuracy (validation)*.
        recipe_words: the recipe of that training.
        accuracy, test_accuracy, test_balanced: by that recipe.
        is_final: it is the final training's, or as it was when that was cut short.
        mean: of several networks, where `best` holds that: the accuracies are of it, and `network` is the best of them.
    """

    network: ShownNetwork
    how: str
    recipe_words: str
    accuracy: float | None
    test_accuracy: float | None
    test_balanced: float | None
    is_final: bool
    mean: FinalEnsemble | None = None


def best_of(result: SearchResult, folder: RunFolder, networks: Sequence[ShownNetwork]) -> Best | None:
    """None where no network of the short-list finished training."""
    rows = {one.hash: one for one in networks if one.role != BASELINE}
    final = result.final
    last = None if final is None else final.best
    mean = None if final is None else final.ensemble
    if final is not None and mean is not None and last is not None and last.hash in rows:
        how = f"after the final trainings, of the mean of {len(mean.members)} networks"
        return Best(
            rows[last.hash], how, final.recipe_words, mean.accuracy, mean.test_accuracy,
            mean.test_balanced_accuracy, is_final=True, mean=mean,
        )  # fmt: skip
    if final is not None and last is not None and not final.falls_short and last.hash in rows:
        return Best(
            rows[last.hash], "after the final training", last.recipe_words, last.accuracy, last.test_accuracy,
            last.test_balanced_accuracy, is_final=True,
        )  # fmt: skip
    if final is not None and final.cut_short in rows and (folder.best / "architecture.json").exists():
        row, told = rows[final.cut_short], read(folder.best / "architecture.json")
        words = "" if row.final is None else row.final.recipe_words
        with reading(folder.best / "architecture.json"):
            after = told.get("stopped_after")
            stopped = f", stopped after epoch {int(after)}" if after is not None else ""
            numbers = [told.get(name) for name in ("accuracy", "test_accuracy", "test_balanced_accuracy")]
            accuracy, test, balanced = (None if value is None else float(value) for value in numbers)
        how = "of the final training as it was when its budget ended"
        return Best(row, how, f"{words}{stopped}", accuracy, test, balanced, is_final=True)
    best = result.best
    if best is None or best.chosen.hash not in rows:
        return None
    return Best(
        rows[best.chosen.hash], "by the search's recipe", result.recipe_words, best.accuracy, best.test_accuracy,
        best.test_balanced_accuracy, is_final=False,
    )  # fmt: skip


def space_of(result: SearchResult, space: Space | None) -> Space | None:
    """The space that was searched: `space`, or the one of the result's name; None where there is none."""
    from presage.architecture.spaces import get_space

    try:
        return get_space(result.space) if space is None else space
    except UnknownName:  # a space of the user's own
        return None


def _points(networks: Sequence[ShownNetwork], scored: bool, before: Mapping[int, int]) -> list[NetworkPoint]:
    """Networks as charts see them.

    Args:
        scored: the search was on predicted accuracy.
        before: round → candidates of the rounds before it.
    """
    return [_point(one, one.chosen, scored, before) for one in networks if one.chosen is not None]


def _point(one: ShownNetwork, chosen: Chosen, scored: bool, before: Mapping[int, int]) -> NetworkPoint:
    costs = {label: unit * value for field, label, unit in COSTS.values() if (value := getattr(chosen, field))}
    step = None if chosen.trial is None else before.get(chosen.round_number, 0) + chosen.trial + 1
    return NetworkPoint(
        key=one.key, kind=RANDOM if one.role == BASELINE else SHORT, name=one.named,
        predicted=chosen.predicted, lower=chosen.lower, upper=chosen.upper,
        trained=None if one.search is None else one.search.accuracy,
        score=chosen.predicted if scored else chosen.score, step=step, costs=costs,
    )  # fmt: skip


def agreement_of(result: SearchResult, networks: Sequence[ShownNetwork]) -> Agreement | None:
    """None where no network was both predicted and trained."""
    points = _points(networks, True, {})
    shown = [one for one in points if None not in (one.predicted, one.lower, one.upper, one.trained)]
    if not shown:
        return None
    level = next(one.chosen.level for one in networks if one.chosen is not None and one.chosen.level)
    sides = []
    for kind, label in ((SHORT, "short-list"), (RANDOM, "random baseline")):
        of = [one for one in shown if one.kind == kind]
        within = sum((one.lower or 0.0) <= (one.trained or 0.0) <= (one.upper or 0.0) for one in of)
        sides += [Side(label, within, len(of))] if of else []
    by = result.recipe_words
    charts = [agreement_chart(shown, level, by)]
    closer = huddled(shown)
    if closer:
        charts.append(agreement_chart(closer, level, by, title="Predicted against trained, the short-list closer"))
    return Agreement(level, tuple(sides), tuple(charts))


def charts_of(result: SearchResult, networks: Sequence[ShownNetwork]) -> list[Chart]:
    """Of what was trained: accuracies against a cost, and learning curves by each recipe."""
    points, by = _points(networks, True, {}), result.recipe_words
    trained = [one for one in points if one.trained is not None]
    found: list[Chart] = []
    if trained:
        cost = COSTS[_weighed(result)[0]][1]
        found.append(cost_chart(trained, cost, by=by))
        closer = huddled(trained)
        if closer:
            title = f"Trained accuracy against {cost}, the short-list closer"
            found.append(cost_chart(closer, cost, by=by, title=title))
    kinds = {one.key: RANDOM if one.role == BASELINE else SHORT for one in networks}
    searched = [
        (one.key, kinds[one.key], one.named, one.search.curve) for one in networks if one.search and one.search.curve
    ]
    final = [(one.key, SHORT, one.named, one.final.curve) for one in networks if one.final and one.final.curve]
    found += [curves_chart(searched, by)] if searched else []
    if final:
        words = "" if result.final is None else result.final.recipe_words
        found.append(curves_chart(final, words, "Learning curves of the final training"))
    return found


def _weighed(result: SearchResult) -> list[str]:
    """Costs, that of the search's objectives first."""
    asked = [name for name in result.settings.get("objectives", ()) if name in COSTS]
    return list(dict.fromkeys([*asked, *COSTS]))


def candidates_of(
    result: SearchResult, space: Space | None, networks: Sequence[ShownNetwork]
) -> CandidateCharts | None:
    """None where nothing has a score, or where no space is given."""
    from presage.search.run.engine import load_candidates, whole
    from presage.search.run.run_folder import RunFolder

    if space is None:
        return None
    journal, before, total = RunFolder(result.folder).journal, {}, 0
    found: list[Candidates] = []
    for one in result.rounds:
        candidates = load_candidates(result.folder, space, one.round_number)
        found.append(whole(candidates, one.candidates, journal, one.round_number))
        before[one.round_number] = total
        total += len(candidates)
    values = [float(value) for candidates in found for value in candidates.value]
    scored = [value for value in values if value == value]
    if not scored:
        return None
    asked = result.settings.get("score", "predicted")
    score = PREDICTED if asked in ("predicted", "ucb") else str(asked)
    is_accuracy, by = score == PREDICTED, result.recipe_words
    points = _points(networks, is_accuracy, before)
    fronts = []
    for name in _weighed(result):
        _, label, unit = COSTS[name]
        places = [
            (unit * float(cost), float(value))
            for candidates in found
            for cost, value in zip(
                candidates.cost(name)[candidates.unique], candidates.value[candidates.unique], strict=True
            )
            if cost == cost and cost > 0
        ]
        if places:
            fronts.append(cost_chart(points, label, by=by, value=score, candidates=places, accuracy=is_accuracy))
    return CandidateCharts(
        len(scored), score, progress_chart(values, points, score, by, accuracy=is_accuracy), tuple(fronts),
        reaching([candidates.reaching for candidates in found]),
    )  # fmt: skip
