"""Records of the final training: which rates were tried, and what the chosen networks came to by the final recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from presage.display import accuracies, scaled
from presage.reading import hex_name, record
from presage.speakable import named

__all__ = ["FinalEnsemble", "FinalResult", "FinalTraining", "TuningTrial"]


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
class FinalEnsemble:
    """The mean of networks that were trained finally, as one network (`presage.training.model.ensemble`).

    Attributes:
        hash: of the whole.
        members: hashes of the networks, the best first.
        accuracy: of the mean of their logits, on validation images; each of them was *trained*, the mean was not again.
        test_accuracy: on the test images: computed once, for it and for the best network alone.
        parameters, multiply_adds: of the whole for one image of the final recipe's side.
        balanced_accuracy, test_balanced_accuracy: means over the classes of the same; None where classes are about
            equally frequent.
    """

    hash: str
    members: tuple[str, ...]
    accuracy: float
    test_accuracy: float | None
    parameters: int
    multiply_adds: int
    balanced_accuracy: float | None = None
    test_balanced_accuracy: float | None = None

    def __str__(self) -> str:
        said = [f"{accuracies(self.accuracy, self.balanced_accuracy)} on validation images"]
        if self.test_accuracy is not None:
            said.append(f"{accuracies(self.test_accuracy, self.test_balanced_accuracy)} on test images")
        return (
            f"The best network is the mean of {' and '.join(map(named, self.members))}, side by side: "
            f"{', '.join(said)}; {scaled(self.parameters)} parameters, {scaled(self.multiply_adds)} multiply-adds."
        )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FinalEnsemble:
        """What `to_json` of the result wrote."""
        return record(cls, value, members=tuple(hex_name(one) for one in value["members"]))


@dataclass(frozen=True)
class FinalResult:
    """What the final trainings of a search came to.

    Attributes:
        trainings: one for each network, the best of the short-list first.
        notes: what is to be known of them, a line each.
        cut_short: hash of the network that the run's folder `best` has as it was when its training was cut short; None
            where it has none such.
        ensemble: the mean of several of them, where the run's folder `best` has that; None where it has a single one.
    """

    trainings: tuple[FinalTraining, ...]
    notes: tuple[str, ...] = ()
    cut_short: str | None = None
    ensemble: FinalEnsemble | None = None

    @property
    def recipe_words(self) -> str:
        """The recipes of the trainings in words; as one, with a range of epochs, where they differ in nothing else."""
        words = list(dict.fromkeys(one.recipe_words for one in self.trainings))
        parts = [one.split(", ") for one in words]
        if len(words) < 2 or len({len(one) for one in parts}) > 1:
            return "; ".join(words)
        said = []
        for together in zip(*parts, strict=True):
            epochs = [int(one.split()[0]) for one in together if re.fullmatch(r"\d+ epochs?", one)]
            if len(set(together)) > 1 and len(epochs) < len(together):
                return "; ".join(words)
            said.append(together[0] if len(set(together)) == 1 else f"{min(epochs)} to {max(epochs)} epochs")
        return ", ".join(said)

    @property
    def shipped(self) -> FinalEnsemble | FinalTraining | None:
        """What the run's folder `best` has of the trainings that finished: their mean, or the best of them."""
        return self.ensemble or self.best

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
            **({} if self.ensemble is None else {"ensemble": asdict(self.ensemble)}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FinalResult:
        """What `to_json` wrote."""
        trainings = tuple(FinalTraining.from_json(one) for one in value["trainings"])
        told = {"notes": value["notes"], "cut_short": value.get("cut_short")}
        mean = value.get("ensemble")
        return record(cls, told, trainings=trainings, ensemble=None if mean is None else FinalEnsemble.from_json(mean))
