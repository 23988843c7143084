"""Networks that a search chose, and what became of them. All turn into plain JSON objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from presage.errors import InvalidModel
from presage.reading import hex_name, record
from presage.search.early_stopped import EarlyStopped
from presage.speakable import named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from presage.training.model.images import Picture
    from presage.training.model.trained import TrainedModel

__all__ = ["BASELINE", "SHORT_LIST", "Chosen", "KnownNetwork", "Verified"]

SHORT_LIST, BASELINE = "short-list", "random baseline"

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

    @property
    def beyond_experience(self) -> bool:
        """Whether the prediction reaches beyond experience ("beyond" or "far"): its interval is wide, and a guess."""
        return self.extrapolation in ("beyond", "far")

    def __repr__(self) -> str:
        reach = "" if self.extrapolation in ("", "within") else f", extrapolates {self.extrapolation}"
        return f"Chosen({named(self.hash)}: {self._said()}{reach}, {self.parameters:,} parameters)"

    def _said(self) -> str:
        if self.predicted is None or self.lower is None or self.upper is None:
            return f"{self.score_name} {'none' if self.score is None else format(self.score, '.4g')}"
        return f"predicted {self.predicted:.3f} ({self.lower:.3f} to {self.upper:.3f})"

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
        stopped: why the search ended it before its last epoch, by its extrapolated curve; None, and no part of the
            JSON, where it did not.
        model: folder of the trained network, by which it classifies; None where there is none. It is no part of the
            JSON, nor of what makes two of them equal.
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
    stopped: EarlyStopped | None = None
    model: Path | None = field(default=None, compare=False)

    def load(self) -> TrainedModel:
        """The trained network, as `presage.load` gives it.

        Raises:
            InvalidModel: there is none.
        """
        from presage.training.model.folder import load_model

        if self.model is None:
            raise InvalidModel(f"The network {named(self.chosen.hash)} has left no weights: {self.status}.")
        return load_model(self.model)

    def predict(self, images: Picture | Iterable[Picture]) -> list[str]:
        """The likeliest class of each image, as `TrainedModel.predict`. For many calls, keep what `load` gives."""
        return self.load().predict(images)

    def predict_proba(self, images: Picture | Iterable[Picture]) -> NDArray[np.float64]:
        """Probabilities (n, k) of the classes, as `TrainedModel.predict_proba`."""
        return self.load().predict_proba(images)

    def __repr__(self) -> str:
        trained = self.status if self.accuracy is None else f"trained {self.accuracy:.3f}"
        return f"Verified({named(self.chosen.hash)}: {self.chosen._said()}, {trained})"

    @classmethod
    def of(cls, chosen: Chosen, row: Mapping[str, Any], *, reused: bool) -> Verified:
        """From a row of experience."""
        names = ("status", "accuracy", "test_accuracy", "curve", "seconds", "failure")
        later = ("balanced_accuracy", "test_balanced_accuracy")
        taken = {name: row[name] for name in names} | {name: row.get(name) for name in later}
        return record(cls, {**taken, "reused": reused}, chosen=chosen, stopped=_stopped(row), model=None)

    def to_json(self) -> dict[str, Any]:
        """All fields; `chosen` as an object within."""
        found = {**asdict(self), "chosen": self.chosen.to_json(), "curve": list(self.curve)}
        del found["model"]
        if self.stopped is None:
            del found["stopped"]
        return found

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Verified:
        """What `to_json` wrote."""
        made = {"chosen": Chosen.from_json(value["chosen"]), "stopped": _stopped(value), "model": None}
        return record(cls, value, **made)


def _stopped(told: Mapping[str, Any]) -> EarlyStopped | None:
    return EarlyStopped.from_json(told["stopped"]) if told.get("stopped") else None


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

    def __repr__(self) -> str:
        return f"KnownNetwork({named(self.hash)}: trained {self.accuracy:.3f} before)"

    def to_json(self) -> dict[str, Any]:
        """All fields; how far the prediction reaches only where that is told."""
        return _told({**asdict(self), "params": dict(self.params)})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> KnownNetwork:
        """What `to_json` wrote."""
        return _with_hash(record(cls, value))


_Network = TypeVar("_Network", Chosen, KnownNetwork)


def _with_hash(network: _Network) -> _Network:
    """The network, whose hash names a folder of the run."""
    hex_name(network.hash)
    return network


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    """Without how far a prediction reaches, where that is not known."""
    return fields if fields["extrapolation"] else {k: v for k, v in fields.items() if k not in _REACH}
