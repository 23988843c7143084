"""Records of a search: what was chosen, what became of it, and the whole. All turn into plain JSON objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from presage.errors import WrongInput
from presage.reading import hex_name, reading, record
from presage.search.final_result import FinalResult
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

SHORT_LIST, BASELINE = "short-list", "random baseline"

FORMAT, VERSION = "presage-search", 1
"""Of the JSON object of a whole search."""

_REACH = ("extrapolation", "distance")


@dataclass(frozen=True)
class Chosen:
    """A network chosen for full training, with what was predicted of it before.

    Attributes:
        hash: canonical hash of the architecture.
        params: its parameters in the space.
        role: `short-list`, or `random baseline` (drawn, and predicted, before anything was trained).
        round_number: from 1; 0 for the baseline.
        trial: number of its trial in the predicted study of that round; None for the baseline.
        predicted, lower, upper, level: predicted accuracy and its interval; None where the scorer had none.
        acquisition: what it was chosen by.
        predictor: name of the scorer.
        score: what the scorer said where that is no predicted accuracy; `predicted` and its interval are None then.
        score_name: which score that is (`presage.search.studies.scores`).
        parameters, multiply_adds, activation_bytes: costs for one image.
        latency_seconds: *estimated* latency; None where the search did not ask for it.
        measured_latency_seconds: the same, measured when the network was short-listed.
        extrapolation, distance: how far the prediction reaches beyond experience, as "within", "near", "beyond" or
            "far", and as a number; "" and None where the scorer does not tell.
        created_at: when it was chosen, ISO 8601 UTC.
    """

    hash: str
    params: Mapping[str, Any]
    role: str
    round_number: int
    parameters: int
    multiply_adds: int
    activation_bytes: int
    created_at: str
    trial: int | None = None
    predicted: float | None = None
    lower: float | None = None
    upper: float | None = None
    level: float | None = None
    acquisition: float | None = None
    predictor: str | None = None
    score: float | None = None
    score_name: str = "predicted"
    latency_seconds: float | None = None
    measured_latency_seconds: float | None = None
    extrapolation: str = ""
    distance: float | None = None

    def to_json(self) -> dict[str, Any]:
        """All fields; how far the prediction reaches only where that is told."""
        return _told({**asdict(self), "params": dict(self.params)})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Chosen:
        """What `to_json` wrote."""
        return _with_hash(record(cls, value))


@dataclass(frozen=True)
class Verified:
    """A chosen network after full training.

    Attributes:
        chosen: the network, and what was predicted.
        status: `finished`, `diverged`, `out_of_memory`, `pruned` or `crashed`.
        accuracy: *trained* validation accuracy; None unless finished.
        test_accuracy: trained test accuracy: shown, never used for choosing.
        curve: (e,) validation accuracy after each epoch.
        seconds: of training.
        failure: one line; None when finished.
        reused: the result was known before this search and was not trained again.
        balanced_accuracy, test_balanced_accuracy: means over the classes of the same; None where classes are about
            equally frequent.
    """

    chosen: Chosen
    status: str
    accuracy: float | None
    test_accuracy: float | None
    curve: tuple[float, ...]
    seconds: float
    failure: str | None
    reused: bool = False
    balanced_accuracy: float | None = None
    test_balanced_accuracy: float | None = None

    @classmethod
    def of(cls, chosen: Chosen, row: Mapping[str, Any], *, reused: bool) -> Verified:
        """From a row of experience."""
        names = ("status", "accuracy", "test_accuracy", "curve", "seconds", "failure")
        later = ("balanced_accuracy", "test_balanced_accuracy")
        taken = {name: row[name] for name in names} | {name: row.get(name) for name in later}
        return record(cls, {**taken, "reused": reused}, chosen=chosen)

    def to_json(self) -> dict[str, Any]:
        """All fields; `chosen` as an object within."""
        return {**asdict(self), "chosen": self.chosen.to_json(), "curve": list(self.curve)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Verified:
        """What `to_json` wrote."""
        return record(cls, value, chosen=Chosen.from_json(value["chosen"]))


@dataclass(frozen=True)
class KnownNetwork:
    """A network that would have been short-listed, had its accuracy on this dataset not been known already.

    Its result is *reused*: the database's, from an earlier experiment with the same recipe. `predicted` is None where
    the search was on another score. `extrapolation` and `distance` are as in `Chosen`.
    """

    hash: str
    params: Mapping[str, Any]
    predicted: float | None
    accuracy: float
    extrapolation: str = ""
    distance: float | None = None

    def to_json(self) -> dict[str, Any]:
        """All fields; how far the prediction reaches only where that is told."""
        return _told({**asdict(self), "params": dict(self.params)})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> KnownNetwork:
        """What `to_json` wrote."""
        return _with_hash(record(cls, value))


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
            training failed.
        seconds: wall-clock of the last invocation.
        score: the kind of score that was searched on, in words (`presage.search.studies.scores`).
        latency: what estimated latencies rest on and how far off they were, in one line; None without them.
        supernet: what became of the shared weights that the search was on, in one line; None without them.
        notes: what is to be known of the predictions, a line each; `run_search` itself has none.
        recipe_words: the recipe that all accuracies, predicted and trained, are by, in words.
        final: what the final trainings came to; None where none was asked for. No part of the JSON then.
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

    @property
    def verified(self) -> tuple[Verified, ...]:
        """The short-listed networks of all rounds."""
        return tuple(verified for one in self.rounds for verified in one.verified)

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
            }
            if "recipe_words" not in value and "recipe" in value["settings"]:  # an earlier version's
                made["recipe_words"] = recipe_words(Recipe.from_json(value["settings"]["recipe"]))
            named = {one.name for one in fields(cls)}
            return record(cls, {name: one for name, one in value.items() if name in named}, **made)


_Network = TypeVar("_Network", Chosen, KnownNetwork)


def _with_hash(network: _Network) -> _Network:
    """The network, whose hash names a folder of the run."""
    hex_name(network.hash)
    return network


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    """Without how far a prediction reaches, where that is not known."""
    return fields if fields["extrapolation"] else {k: v for k, v in fields.items() if k not in _REACH}


def mean_accuracy(verified: Sequence[Verified]) -> float | None:
    """Mean trained accuracy of those that finished; None where none did."""
    found = [one.accuracy for one in verified if one.accuracy is not None]
    return sum(found) / len(found) if found else None


def best_accuracy(verified: Sequence[Verified]) -> float | None:
    """Highest trained accuracy of those that finished; None where none did."""
    return max((one.accuracy for one in verified if one.accuracy is not None), default=None)
