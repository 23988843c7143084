"""What is planned for a network that is shrunk, and what came of it: `ShrinkPlan`, `Shrunk` and `ShrinkResult`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.architecture.graph import Architecture
from presage.architecture.serial import from_json, to_json
from presage.display import accuracies, scaled, table
from presage.reading import record
from presage.search.run_paths import best_folder
from presage.speakable import named

if TYPE_CHECKING:
    from presage.training.model.trained import TrainedModel

__all__ = ["ORIGINAL", "PLAIN", "PRUNED", "SHORT_LIST", "SPARSE", "ShrinkPlan", "ShrinkResult", "Shrunk", "Version"]

ORIGINAL, PLAIN, SHORT_LIST, PRUNED, SPARSE = "original", "plain", "short-list", "pruned", "sparse"
"""What a network is there for: to be shrunk; to be compared with, scaled down by one factor; to be chosen from; the
same, with weights of the trained network; to be compared with, the network itself with most of its weights zero."""


@dataclass(frozen=True)
class Version:
    """A network before it is trained.

    Attributes:
        architecture: in canonical form; of a pruned network as its weights name the nodes.
        role: one of the above.
        kind, how: how it came about, as `presage.search.shrinking.proposing.Smaller` has it; "" of the original.
        parameters, multiply_adds: for one image of the recipe's size; of a sparse network the parameters that are not
            zero, and multiply-adds as it is run.
        share: of the limit that it takes; over 1 of the original.
        predicted, lower, upper: accuracy and interval, predicted before anything was trained; None of sparse networks.
        fisher: Fisher potential at initialisation on one minibatch (BlockSwap); None where it has none.
        latency_seconds: measured, of one image.
    """

    architecture: Architecture
    role: str
    kind: str
    how: str
    parameters: int
    multiply_adds: int
    share: float
    predicted: float | None
    lower: float | None
    upper: float | None
    fisher: float | None
    latency_seconds: float

    @property
    def hash(self) -> str:
        """Of the architecture."""
        return self.architecture.hash

    def to_json(self) -> dict[str, Any]:
        """All fields, and the hash; not the architecture."""
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "architecture"}
        return {"hash": self.hash, **own}


@dataclass(frozen=True)
class ShrinkPlan:
    """What is to be trained: `versions.json` of a folder.

    Attributes:
        versions: the original first, then the plain version, then the short-list.
        candidates: smaller versions that were predicted.
        notes: what to know of the predictions, a line each.
    """

    versions: tuple[Version, ...]
    candidates: int
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """All fields, each architecture among them."""
        rows = [{**one.to_json(), "architecture": to_json(one.architecture)} for one in self.versions]
        told = {"candidates": self.candidates, "notes": list(self.notes)}
        return {"format": "presage-shrink-plan", "version": 1, "versions": rows, **told}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ShrinkPlan:
        """What `to_json` wrote."""
        rows = [{name: one for name, one in row.items() if name != "hash"} for row in value["versions"]]
        versions = tuple(record(Version, row, architecture=from_json(row["architecture"])) for row in rows)
        return cls(versions, int(value["candidates"]), tuple(map(str, value["notes"])))


@dataclass(frozen=True)
class Shrunk:
    """A network and what its training came to.

    Attributes:
        status: `finished`, `diverged`, `out_of_memory` or `crashed`; "" where it was not trained.
        accuracy, test_accuracy: trained accuracies, in [0, 1]; None unless finished.
        balanced_accuracy, test_balanced_accuracy: of unbalanced classes.
        seconds: of the training.
        failure: one line; None where there was none.
        reused: the very training was in the database.
        model: folder of the trained network; None where there is none.
    """

    version: Version
    status: str = ""
    accuracy: float | None = None
    test_accuracy: float | None = None
    balanced_accuracy: float | None = None
    test_balanced_accuracy: float | None = None
    seconds: float = 0.0
    failure: str | None = None
    reused: bool = False
    model: str | None = None

    @classmethod
    def of(cls, version: Version, row: Mapping[str, Any], model: Path | None) -> Shrunk:
        """From the row of its experiment, and the folder of the trained network where one was wanted."""
        names = [field.name for field in fields(cls) if field.name in row]
        there = model is not None and row["accuracy"] is not None
        return cls(version, **{name: row[name] for name in names}, model=str(model) if there else None)

    def to_json(self) -> dict[str, Any]:
        """All fields, those of the version among them."""
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "version"}
        return {**self.version.to_json(), **own}


@dataclass(frozen=True, repr=False)
class ShrinkResult:
    """The answer: the best smaller version, beside the network itself and a plain scaled-down version.

    Attributes:
        network, dataset: as the user called them.
        limits: in words, such as *20 % of its multiply-adds*.
        candidates: smaller versions that were predicted.
        recipe: as JSON; `recipe_words` is the same for people.
        networks: the original first, then the plain version, then the short-list.
        notes: what else to know, a line each.
        folder: of the run.
    """

    network: str
    dataset: str
    limits: str
    candidates: int
    recipe: Mapping[str, Any]
    recipe_words: str
    networks: tuple[Shrunk, ...]
    notes: tuple[str, ...]
    folder: Path

    @property
    def original(self) -> Shrunk:
        """The network that was shrunk."""
        return self._of(ORIGINAL)

    @property
    def plain(self) -> Shrunk:
        """It with all widths multiplied by one factor."""
        return self._of(PLAIN)

    @property
    def best(self) -> Shrunk | None:
        """The smaller version of the highest trained accuracy, the plain one among them; None where none finished."""
        return _most_accurate([*self._chosen, self.plain])

    @property
    def _chosen(self) -> list[Shrunk]:
        return [one for one in self.networks if one.version.role in (SHORT_LIST, PRUNED)]

    def __repr__(self) -> str:
        return self.text()

    def load(self) -> TrainedModel:
        """The best, ready to classify images.

        Raises:
            InvalidModel: no training finished.
        """
        from presage.training.model.folder import load_model

        return load_model(best_folder(self.folder))

    @property
    def answer(self) -> str:
        """*resnet18 at 20 % of its multiply-adds: predicted -1.2 points, trained -0.9 points; …*"""
        best, plain, original = _most_accurate(self._chosen), self.plain, self.original
        if best is None:
            return f"No smaller version of {self.network} could be trained: {self._failure()}"
        told = []
        if best.version.predicted is not None and original.version.predicted is not None:
            told.append(f"predicted {_points(best.version.predicted - original.version.predicted)}")
        if original.accuracy is None or best.accuracy is None:
            told.append(f"trained {accuracies(best.accuracy, None)}")
            beside = accuracies(plain.accuracy, None, none=plain.status)
        else:
            told.append(f"trained {_points(best.accuracy - original.accuracy)}")
            lost = None if plain.accuracy is None else plain.accuracy - original.accuracy
            beside = plain.status if lost is None else _points(lost)
        ending = ", which is better" if self.best is plain else ""
        return f"{self.network} at {self.limits}: {', '.join(told)}; scaled down plainly: {beside}{ending}."

    def _failure(self) -> str:
        return next((one.failure for one in self.networks if one.failure), "no training finished") + "."

    def _of(self, role: str) -> Shrunk:
        return next(one for one in self.networks if one.version.role == role)

    def text(self) -> str:
        """The answer and a table, for people."""
        header = (
            "network", "parameters", "multiply-adds", "ms", "predicted", "interval", "Fisher", "trained", "test",
            "seconds", "how",
        )  # fmt: skip
        lines = [self.answer, f"Recipe: {self.recipe_words}.", "", table(header, map(_cells, self.networks))]
        return "\n".join([*lines, *(["", *self.notes] if self.notes else [])])

    def to_json(self) -> dict[str, Any]:
        """All of it, the answer among it."""
        best = self.best
        return {
            "format": "presage-shrink",
            "version": 1,
            "answer": self.answer,
            "network": self.network,
            "dataset": self.dataset,
            "limits": self.limits,
            "candidates": self.candidates,
            "recipe": dict(self.recipe),
            "recipe_words": self.recipe_words,
            "networks": [one.to_json() for one in self.networks],
            "best": None if best is None else best.version.hash,
            "notes": list(self.notes),
            "folder": str(self.folder),
        }


def _most_accurate(networks: Sequence[Shrunk]) -> Shrunk | None:
    """The one of the highest trained accuracy, the first of equals; None where no training finished."""
    trained = [one for one in networks if one.accuracy is not None]
    return max(trained, key=lambda one: one.accuracy or 0.0, default=None)


def _points(difference: float) -> str:
    """*-0.9 points*."""
    return f"{100 * difference:+.1f} points"


def _cells(one: Shrunk) -> tuple[str, ...]:
    version = one.version
    return (
        named(version.hash) if version.role == SHORT_LIST else version.role,
        scaled(version.parameters),
        scaled(version.multiply_adds),
        f"{1000 * version.latency_seconds:.2f}",
        accuracies(version.predicted, None),
        "" if version.lower is None or version.upper is None else f"{version.lower:.3f} to {version.upper:.3f}",
        "" if version.fisher is None else f"{version.fisher:.2f}",
        accuracies(one.accuracy, one.balanced_accuracy, none=one.status),
        accuracies(one.test_accuracy, one.test_balanced_accuracy),
        f"{one.seconds:.1f}" + (" (known already)" if one.reused else ""),
        version.how,
    )
