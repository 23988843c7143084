"""Records of the final training: which rates were tried, and what the chosen networks came to by the final recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from presage.display import accuracies
from presage.reading import hex_name, record
from presage.speakable import named

__all__ = ["FinalResult", "FinalTraining", "TuningTrial"]


_NOISE = 0.02  # accuracy that a few hundred validation images do not tell apart


@dataclass(frozen=True)
class TuningTrial:
    """One setting that was tried before a final training.

    Attributes:
        learning_rate, weight_decay: the setting.
        epochs: of the longest training by it; each is a whole schedule of its own.
        accuracy: *trained* validation accuracy of that training; None where it failed.
        status: how that training ended: `finished`, `diverged`, `out_of_memory` or `crashed`.
    """

    learning_rate: float
    weight_decay: float
    epochs: int
    accuracy: float | None
    status: str


@dataclass(frozen=True)
class FinalTraining:
    """A network of the short-list, trained by the final recipe.

    Attributes:
        hash: canonical hash of the architecture.
        params: its parameters in the space.
        recipe: JSON of the recipe, with the tuned values.
        recipe_words: the same in words.
        trials: the settings that were tried for it; empty where nothing was tuned.
        status: `finished`, `diverged`, `out_of_memory`, `crashed`, or `stopped` by a budget.
        accuracy: *trained* validation accuracy by the final recipe; None unless finished.
        test_accuracy: on the test images: computed once, for the best of the final trainings alone.
        search_accuracy: the network's trained validation accuracy by the search's recipe.
        curve: (e,) validation accuracy after each epoch.
        seconds: of the final training.
        tuning_seconds: of the trainings before it.
        parameters, multiply_adds: of the network for one image of the final recipe's side.
        failure: one line; None when finished.
        balanced_accuracy, test_balanced_accuracy: means over the classes of the same; None where classes are about
            equally frequent.
    """

    hash: str
    params: Mapping[str, Any]
    recipe: Mapping[str, Any]
    recipe_words: str
    trials: tuple[TuningTrial, ...]
    status: str
    accuracy: float | None
    test_accuracy: float | None
    search_accuracy: float | None
    curve: tuple[float, ...]
    seconds: float
    tuning_seconds: float
    parameters: int
    multiply_adds: int
    failure: str | None
    balanced_accuracy: float | None = None
    test_balanced_accuracy: float | None = None

    def __repr__(self) -> str:
        trained = accuracies(self.accuracy, self.balanced_accuracy, none=self.status)
        return f"FinalTraining({named(self.hash)}: {trained}, {self.recipe_words})"

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return {
            **asdict(self), "params": dict(self.params), "recipe": dict(self.recipe), "curve": list(self.curve),
            "trials": [asdict(one) for one in self.trials],
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FinalTraining:
        """What `to_json` wrote."""
        hex_name(value["hash"])
        return record(cls, value, trials=tuple(record(TuningTrial, one) for one in value["trials"]))


@dataclass(frozen=True)
class FinalResult:
    """What the final trainings of a search came to.

    Attributes:
        trainings: one for each network, the best of the short-list first.
        notes: what is to be known of them, a line each.
        cut_short: hash of the network that the run's folder `best` has as it was when its training was cut short; None
            where it has none such.
    """

    trainings: tuple[FinalTraining, ...]
    notes: tuple[str, ...] = ()
    cut_short: str | None = None

    @property
    def best(self) -> FinalTraining | None:
        """The one with the highest validation accuracy; None where none finished."""
        finished = [one for one in self.trainings if one.accuracy is not None]
        return max(finished, key=lambda one: one.accuracy or 0.0, default=None)

    @property
    def falls_short(self) -> bool:
        """Whether the best came to clearly less on validation images than by the search's recipe, which then stays."""
        best = self.best
        return best is not None and (best.accuracy or 0.0) < (best.search_accuracy or 0.0) - _NOISE

    def to_json(self) -> dict[str, Any]:
        """All fields; `best` by its hash."""
        return {
            "trainings": [one.to_json() for one in self.trainings],
            "best": None if self.best is None else self.best.hash,
            "notes": list(self.notes),
            "cut_short": self.cut_short,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FinalResult:
        """What `to_json` wrote."""
        trainings = tuple(FinalTraining.from_json(one) for one in value["trainings"])
        told = {"notes": value["notes"], "cut_short": value.get("cut_short")}
        return record(cls, told, trainings=trainings)
