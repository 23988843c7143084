"""What the report's page shows beside the numbers of the result: plots, drawings, and how to use the best network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import UnknownName
from presage.output import reaching
from presage.reading import reading
from presage.report import plots
from presage.report.drawing import draw
from presage.report.reading import read

if TYPE_CHECKING:
    from markupsafe import Markup

    from presage.architecture.spaces import Space
    from presage.search.result import SearchResult, Verified

__all__ = [
    "CandidatePlots",
    "Drawing",
    "Agreement",
    "Side",
    "candidates_of",
    "drawings_of",
    "how_to_use_best",
    "agreement_of",
]

MOST_DRAWN = 6
"""Networks that are drawn."""

PREDICTED = "predicted accuracy"

COSTS = {
    "parameters": ("parameters", "parameters", 1),
    "multiply_adds": ("multiply_adds", "multiply-adds for one image", 1),
    "activation_bytes": ("activation_bytes", "activation bytes for one image", 1),
    "latency": ("latency_seconds", "estimated latency, ms", 1000),
}
"""Objective → field of a chosen network, what a plot calls it, and what its numbers are multiplied by there."""


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
        scatter: plot of predicted against trained accuracy.
        curves: plot of the short-list's learning curves.
    """

    level: float
    sides: tuple[Side, ...]
    scatter: Markup
    curves: Markup


@dataclass(frozen=True)
class CandidatePlots:
    """All candidates of a search.

    Attributes:
        number: of those with a score.
        score: what the scores are, as plots call it: never an accuracy where none was predicted.
        history: plot of the scores in the order of proposal.
        front: plot of the scores against a cost.
        extrapolation: how many predictions reach how far beyond experience, in words; "" where it was not told.
    """

    number: int
    score: str
    history: Markup
    front: Markup
    extrapolation: str = ""

    @property
    def predicted(self) -> bool:
        """The scores are predicted accuracies."""
        return self.score == PREDICTED


@dataclass(frozen=True)
class Drawing:
    """A trained network and its picture."""

    verified: Verified
    picture: Markup


def agreement_of(result: SearchResult) -> Agreement | None:
    """None where no network was both predicted and trained."""
    series = {"short-list": _trained(result.verified), "random baseline": _trained(result.baseline)}
    if not any(series.values()):
        return None
    level = next(one.chosen.level for one in (*result.verified, *result.baseline) if one.chosen.level)
    sides = tuple(
        Side(label, sum(row.lower <= row.trained <= row.upper for row in rows), len(rows))
        for label, rows in series.items()
        if rows
    )
    curves, by = {one.chosen.hash[:8]: one.curve for one in result.verified}, result.recipe_words
    return Agreement(level, sides, plots.scatter_plot(series, level, by), plots.learning_curves_plot(curves, by))


def _trained(verified: Sequence[Verified]) -> list[plots.TrainedPrediction]:
    """Of the networks that were both predicted and trained."""
    return [
        plots.TrainedPrediction(chosen.predicted, chosen.lower, chosen.upper, one.accuracy)
        for one in verified
        if (chosen := one.chosen).predicted is not None
        and chosen.lower is not None
        and chosen.upper is not None
        and one.accuracy is not None
    ]


def candidates_of(result: SearchResult, space: Space | None) -> CandidatePlots | None:
    """None where nothing has a score, or where neither `space` is given nor any space has the name of the result's."""
    from presage.architecture.spaces import get_space
    from presage.search.run.engine import load_candidates, whole
    from presage.search.run.run_folder import RunFolder

    try:
        space = get_space(result.space) if space is None else space
    except UnknownName:  # a space of the user's own
        return None
    journal = RunFolder(result.folder).journal
    found = []
    for one in result.rounds:
        candidates = load_candidates(result.folder, space, one.round_number)
        found.append(whole(candidates, one.candidates, journal, one.round_number))
    values = [float(value) for candidates in found for value in candidates.value if value == value]
    if not values:
        return None
    asked = result.settings.get("score", "predicted")
    score = PREDICTED if asked in ("predicted", "ucb") else str(asked)
    weighed = next((name for name in result.settings["objectives"] if name != "accuracy"), "multiply_adds")
    field, label, unit = COSTS[weighed]
    cost = [unit * float(each) for candidates in found for each in candidates.cost(weighed)[candidates.unique]]
    best = [float(value) for candidates in found for value in candidates.value[candidates.unique]]
    said = [one.chosen.predicted if score == PREDICTED else one.chosen.score for one in result.verified]
    costs = [unit * getattr(one.chosen, field) for one in result.verified]
    marks = [(at, value) for at, value in zip(costs, said, strict=True) if value is not None]
    by, extrapolation = result.recipe_words, reaching([candidates.reaching for candidates in found])
    history, front = plots.search_plot(values, score, by), plots.pareto_plot(cost, best, marks, label, score, by)
    return CandidatePlots(len(values), score, history, front, extrapolation)


def drawings_of(folder: Path, trained: Sequence[Verified]) -> list[Drawing]:
    """Pictures of the first of them whose architecture the run folder holds."""
    from presage.architecture.serial import from_json
    from presage.search.run.run_folder import RunFolder

    found = []
    for one in trained[:MOST_DRAWN]:
        path = RunFolder(folder).network(one.chosen.hash) / "architecture.json"
        if path.exists():
            described = read(path)
            with reading(path):
                shape, classes = described["input_shape"], len(described["classes"])
                picture = draw(from_json(described["architecture"]), shape, classes)
            found.append(Drawing(one, picture))
    return found


def how_to_use_best(folder: Path) -> str | None:
    """Lines of Python; None where no network was exported."""
    from presage.search.run.export import how_to_use
    from presage.search.run.run_folder import RunFolder

    best = RunFolder(folder).best
    return how_to_use(best) if (best / "architecture.json").exists() else None
