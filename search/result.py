"""Records of a search: short-lists, rounds, and the whole. All turn into plain JSON objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from markupsafe import escape

from presage.display import accuracies, paragraphs, reaching
from presage.errors import WrongInput
from presage.reading import reading, record
from presage.search import leaderboard
from presage.search.early_stopped import Savings
from presage.search.final_result import FinalResult
from presage.search.run_paths import best_folder, network_folder, report_file
from presage.search.verified import BASELINE, SHORT_LIST, Chosen, KnownNetwork, Verified
from presage.speakable import named
from presage.terminal import one_line
from presage.training.recipe import Recipe
from presage.training.recipe_words import recipe_words

__all__ = [
    "BASELINE",
    "SHORT_LIST",
    "Chosen",
    "KnownNetwork",
    "RoundResult",
    "SearchResult",
    "ShortList",
    "Verified",
    "best_accuracy",
    "mean_accuracy",
]

FORMAT, VERSION = "presage-search", 1
"""Of the JSON object of a whole search."""


@dataclass(frozen=True)
class ShortList:
    """What a round chose, before it is trained: `round-N/shortlist.json` of a run folder.

    Attributes:
        chosen: in the order they are trained.
        known: reused results of networks as promising.
        too_slow: hash → seconds measured, of what was over the latency limit then, whatever was estimated.
        candidates: how many the journal held when they were chosen; None where an earlier version wrote it.
    """

    chosen: tuple[Chosen, ...]
    known: tuple[KnownNetwork, ...] = ()
    too_slow: Mapping[str, float] = field(default_factory=dict)
    candidates: int | None = None

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return {
            "format": "presage-shortlist",
            "version": 1,
            "chosen": [one.to_json() for one in self.chosen],
            "known": [one.to_json() for one in self.known],
            "too_slow": dict(self.too_slow),
            **({} if self.candidates is None else {"candidates": self.candidates}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ShortList:
        """What `to_json` wrote, now or before the file had a format of its own."""
        too_slow = "too_slow" if "format" in value else "over the latency limit when measured"
        told = {"too_slow": value.get(too_slow, {}), "candidates": value.get("candidates")}
        chosen = tuple(Chosen.from_json(one) for one in value["chosen"])
        return record(cls, told, chosen=chosen, known=tuple(map(KnownNetwork.from_json, value.get("known", ()))))

    @property
    def least_candidates(self) -> int:
        """As many as the journal must still hold."""
        return max([self.candidates or 0, *(one.trial + 1 for one in self.chosen if one.trial is not None)])


@dataclass(frozen=True)
class RoundResult:
    """One round: predict, short-list, train.

    Attributes:
        round_number: from 1.
        study: name of its predicted study in the journal.
        candidates: number recorded.
        different: number of different networks among them.
        best_predicted: highest predicted accuracy; None where the search was on another score.
        best_score: highest score, whichever it was (`presage.search.studies.scores`); equal to `best_predicted` for
            `predicted`.
        verified: the short-list after training, in the order chosen.
        known: reused results of networks as promising as the short-list.
        extrapolation: how far predictions of the different networks reach beyond experience, as words → networks; empty
            where it is not told, and no part of the JSON then.
    """

    round_number: int
    study: str
    candidates: int
    different: int
    best_predicted: float | None
    verified: tuple[Verified, ...]
    known: tuple[KnownNetwork, ...] = ()
    best_score: float | None = None
    extrapolation: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        trained = sum(one.accuracy is not None for one in self.verified)
        return f"RoundResult({self.round_number}: {self.candidates:,} candidates, {trained} trained)"

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return {
            **{name: getattr(self, name) for name in ("round_number", "study", "candidates", "different")},
            "best_predicted": self.best_predicted,
            "best_score": self.best_score,
            "verified": [verified.to_json() for verified in self.verified],
            "known": [known.to_json() for known in self.known],
            **({"extrapolation": dict(self.extrapolation)} if self.extrapolation else {}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RoundResult:
        """What `to_json` wrote, now or by an earlier version."""
        verified = tuple(Verified.from_json(one) for one in value["verified"])
        known = tuple(KnownNetwork.from_json(one) for one in value.get("known", ()))
        return record(cls, value, verified=verified, known=known)


@dataclass(frozen=True)
class SearchResult:
    """A whole search.

    Attributes:
        folder: the run folder.
        dataset: its name.
        fingerprint: of the dataset's content.
        space, strategy: their names.
        settings: everything the search was asked for, as in the folder's `run.json`.
        rounds: one each.
        baseline: random networks of the same space, trained with the same recipe; empty where none was asked for.
        best: the verified network of the short-lists with the highest trained validation accuracy; None where every
            training failed. It classifies (`best.predict`) by what the search leaves for use: its final training, where
            there was one.
        seconds: wall-clock of the last invocation.
        score: the kind of score that was searched on, in words (`presage.search.studies.scores`).
        latency: what estimated latencies rest on and how far off they were, in one line; None without them.
        supernet: what became of the shared weights that the search was on, in one line; None without them.
        notes: what is to be known of the predictions, a line each; `run_search` itself has none.
        recipe_words: the recipe that all accuracies, predicted and trained, are by, in words.
        final: what the final trainings came to; None where none was asked for. No part of the JSON then.
        early_stopping: what ending trainings early saved and may have cost; None, and no part of the JSON, without it.
    """

    folder: Path
    dataset: str
    fingerprint: str
    space: str
    strategy: str
    settings: Mapping[str, Any]
    rounds: tuple[RoundResult, ...]
    baseline: tuple[Verified, ...] = ()
    best: Verified | None = None
    seconds: float = 0.0
    journal: str = field(default="journal.log")
    score: str = "predicted accuracy"
    latency: str | None = None
    supernet: str | None = None
    notes: tuple[str, ...] = ()
    recipe_words: str = ""
    final: FinalResult | None = None
    early_stopping: Savings | None = None

    def __post_init__(self) -> None:
        if self.best is not None:
            object.__setattr__(self, "best", replace(self.best, model=best_folder(self.folder)))

    @property
    def verified(self) -> tuple[Verified, ...]:
        """The short-listed networks of all rounds."""
        return tuple(self._with_model(verified) for one in self.rounds for verified in one.verified)

    def _with_model(self, verified: Verified) -> Verified:
        if verified.accuracy is None:
            return verified
        return replace(verified, model=network_folder(self.folder, verified.chosen.hash))

    @property
    def report(self) -> Path:
        """The page that tells of the whole search."""
        return report_file(self.folder)

    def to_frame(self) -> Any:
        """The leaderboard, a row for each network that was trained: a `pandas.DataFrame` where pandas is installed,
        else a DuckDB relation, which all that reads Arrow takes (``polars.DataFrame(frame)``)."""
        return leaderboard.frame_of(self.verified, self.baseline, self.final)

    def __repr__(self) -> str:
        candidates = sum(one.candidates for one in self.rounds)
        finished = sum(one.accuracy is not None for one in self.verified)
        found = "no network trained to its end"
        if self.best is not None:
            found = f"best {named(self.best.chosen.hash)}, trained {accuracies(self.best.accuracy, None)}"
            last = None if self.final is None else self.final.best
            found += "" if last is None else f", {accuracies(last.accuracy, None)} by the final recipe"
            mean = None if self.final is None else self.final.ensemble
            found += "" if mean is None else f", {accuracies(mean.accuracy, None)} the mean of {len(mean.members)}"
        searched = f"{self.space} by {self.strategy}: {candidates:,} candidates, {finished} trained"
        return f"SearchResult({self.dataset}, {searched}; {found}; {self.folder})"

    def _repr_html_(self) -> str:
        level = next((one.chosen.level for one in (*self.verified, *self.baseline) if one.chosen.level), None)
        trained = leaderboard.html_of(self.verified, self.baseline, self.final, self._scored_by, level)
        reached = reaching(one.extrapolation for one in self.rounds)
        said = [
            f"Recipe: {self.recipe_words}." if self.recipe_words else "",
            f"How far predictions of all candidates reach beyond experience: {reached}." if reached else "",
            *self.notes, self.latency, self.supernet, self.early_stopping and self.early_stopping.words,
            *(() if self.final is None else self.final.notes),
            f"Report: {self.report}" if self.report.exists() else "",
        ]  # fmt: skip
        return f"<p><b>{escape(one_line(repr(self)))}</b></p>{trained}{paragraphs(line for line in said if line)}"

    @property
    def _scored_by(self) -> str:
        asked = str(self.settings.get("score", "predicted"))
        return "predicted" if asked == "ucb" else asked

    @property
    def shortlist_mean(self) -> float | None:
        """Mean trained accuracy of the short-listed networks that finished."""
        return mean_accuracy(self.verified)

    @property
    def baseline_mean(self) -> float | None:
        """Mean trained accuracy of the random baseline's networks that finished."""
        return mean_accuracy(self.baseline)

    @property
    def shortlist_best(self) -> float | None:
        """Highest trained accuracy of the short-listed networks."""
        return best_accuracy(self.verified)

    @property
    def baseline_best(self) -> float | None:
        """Highest trained accuracy of the random baseline's networks; it may be above the short-list's."""
        return best_accuracy(self.baseline)

    def to_json(self) -> dict[str, Any]:
        """Plain objects, lists and numbers."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "space": self.space,
            "strategy": self.strategy,
            "settings": dict(self.settings),
            "recipe_words": self.recipe_words,
            "rounds": [one.to_json() for one in self.rounds],
            "baseline": [verified.to_json() for verified in self.baseline],
            "best": self.best.to_json() if self.best else None,
            "shortlist_mean": self.shortlist_mean,
            "baseline_mean": self.baseline_mean,
            "shortlist_best": self.shortlist_best,
            "baseline_best": self.baseline_best,
            "seconds": self.seconds,
            "score": self.score,
            "latency": self.latency,
            "supernet": self.supernet,
            "notes": list(self.notes),
            "journal": self.journal,
            **({} if self.final is None else {"final": self.final.to_json()}),
            **({} if self.early_stopping is None else {"early_stopping": self.early_stopping.to_json()}),
        }

    @classmethod
    def from_json(cls, value: object, folder: Path) -> SearchResult:
        """What `to_json` wrote, now or by an earlier version.

        Args:
            value: the object in the folder's `result.json`.
            folder: the run folder, which the object does not name.

        Raises:
            WrongInput: the object is no search result.
        """
        if not isinstance(value, Mapping) or (value.get("format"), value.get("version")) != (FORMAT, VERSION):
            raise WrongInput(f"The result in {folder} is not that of a search which this version of presage reads.")
        with reading(f"The result in {folder}"):
            made: dict[str, Any] = {
                "folder": folder,
                "rounds": tuple(RoundResult.from_json(one) for one in value["rounds"]),
                "baseline": tuple(Verified.from_json(one) for one in value["baseline"]),
                "best": value["best"] and Verified.from_json(value["best"]),
                "final": FinalResult.from_json(value["final"]) if value.get("final") else None,
                "early_stopping": record(Savings, value["early_stopping"]) if value.get("early_stopping") else None,
            }
            if "recipe_words" not in value and "recipe" in value["settings"]:  # an earlier version's
                made["recipe_words"] = recipe_words(Recipe.from_json(value["settings"]["recipe"]))
            named = {one.name for one in fields(cls)}
            return record(cls, {name: one for name, one in value.items() if name in named}, **made)


def mean_accuracy(verified: Sequence[Verified]) -> float | None:
    """Mean trained accuracy of those that finished; None where none did."""
    found = [one.accuracy for one in verified if one.accuracy is not None]
    return sum(found) / len(found) if found else None


def best_accuracy(verified: Sequence[Verified]) -> float | None:
    """Highest trained accuracy of those that finished; None where none did."""
    return max((one.accuracy for one in verified if one.accuracy is not None), default=None)
