"""What enters the database: a row together with the rows it refers to, as one line of a shard holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from presage.database import validation as rule
from presage.database.records import (
    ArchitectureRecord,
    DatasetRecord,
    ExperimentRecord,
    PredictionRecord,
    ProbeRecord,
    RecipeRecord,
)
from presage.errors import InvalidExperience

__all__ = [
    "FORMAT",
    "VERSION",
    "Entry",
    "ExperimentEntry",
    "PredictionEntry",
    "ProbeEntry",
    "entry_from_json",
    "entry_to_json",
]

FORMAT = "presage-experience"
VERSION = 1

Dimension = DatasetRecord | ArchitectureRecord | RecipeRecord


@dataclass(frozen=True)
class ExperimentEntry:
    """An experiment with its dataset, architecture and recipe; they must be the ones it names.

    Raises:
        InvalidExperience: where a reference differs, or the curve contradicts the recipe's `epochs`.
    """

    kind: ClassVar[str] = "experiment"
    dataset: DatasetRecord
    architecture: ArchitectureRecord
    recipe: RecipeRecord
    experiment: ExperimentRecord

    def __post_init__(self) -> None:
        _check_references(self.experiment, self.dimensions)
        epochs = self.recipe.json.get("epochs")
        curve = self.experiment.curve
        if not curve or not isinstance(epochs, int):
            return
        if len(curve) > epochs or (self.experiment.status == "finished" and len(curve) != epochs):
            rule.refuse("curve", "experiment", f"have one value for each of the recipe's {epochs} epochs", len(curve))

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The rows it refers to."""
        return (self.dataset, self.architecture, self.recipe)

    @property
    def record(self) -> ExperimentRecord:
        """The row itself."""
        return self.experiment


@dataclass(frozen=True)
class ProbeEntry:
    """A probe with its dataset.

    Raises:
        InvalidExperience: where the reference differs.
    """

    kind: ClassVar[str] = "probe"
    dataset: DatasetRecord
    probe: ProbeRecord

    def __post_init__(self) -> None:
        _check_references(self.probe, self.dimensions)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The rows it refers to."""
        return (self.dataset,)

    @property
    def record(self) -> ProbeRecord:
        """The row itself."""
        return self.probe


@dataclass(frozen=True)
class PredictionEntry:
    """A prediction with its dataset, architecture and recipe.

    Raises:
        InvalidExperience: where a reference differs.
    """

    kind: ClassVar[str] = "prediction"
    dataset: DatasetRecord
    architecture: ArchitectureRecord
    recipe: RecipeRecord
    prediction: PredictionRecord

    def __post_init__(self) -> None:
        _check_references(self.prediction, self.dimensions)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The rows it refers to."""
        return (self.dataset, self.architecture, self.recipe)

    @property
    def record(self) -> PredictionRecord:
        """The row itself."""
        return self.prediction


Entry = ExperimentEntry | ProbeEntry | PredictionEntry

_KINDS: dict[str, tuple[type[Entry], dict[str, Any]]] = {
    "experiment": (
        ExperimentEntry,
        {
            "dataset": DatasetRecord,
            "architecture": ArchitectureRecord,
            "recipe": RecipeRecord,
            "experiment": ExperimentRecord,
        },
    ),
    "probe": (ProbeEntry, {"dataset": DatasetRecord, "probe": ProbeRecord}),
    "prediction": (
        PredictionEntry,
        {
            "dataset": DatasetRecord,
            "architecture": ArchitectureRecord,
            "recipe": RecipeRecord,
            "prediction": PredictionRecord,
        },
    ),
}


def entry_from_json(value: object) -> Entry:
    """The entry that one line of a shard holds. Strict: every object of its kind, and no other.

    Raises:
        InvalidExperience: for anything that is no entry, or breaks a rule of its rows.
    """
    given = rule.mapping("content", "line", value)
    if given.get("format") != FORMAT:
        rule.refuse("format", "line", f"be {FORMAT!r}", given.get("format"))
    if given.get("version") != VERSION:
        rule.refuse("version", "line", f"be {VERSION}, the newest that this presage knows", given.get("version"))
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        rule.refuse("kind", "line", f"be one of {', '.join(_KINDS)}", kind)
    entry, parts = _KINDS[kind]
    for name in given:
        if name not in parts and name not in ("format", "version", "kind"):
            raise InvalidExperience(f"A line of kind {kind} has no object `{name}`. Known: {', '.join(parts)}.")
    for name in parts:
        if name not in given:
            raise InvalidExperience(f"A line of kind {kind} lacks the object `{name}`.")
    return entry(**{name: record.from_json(given[name]) for name, record in parts.items()})


def entry_to_json(entry: Entry) -> dict[str, Any]:
    """The line of a shard that `entry_from_json` reads back, as an object."""
    parts: Mapping[str, Any] = _KINDS[entry.kind][1]
    objects = {name: getattr(entry, name).to_json() for name in parts}
    return {"format": FORMAT, "version": VERSION, "kind": entry.kind, **objects}


def _check_references(
    record: ExperimentRecord | ProbeRecord | PredictionRecord, dimensions: tuple[Dimension, ...]
) -> None:
    for dimension in dimensions:
        named = getattr(record, dimension.row)
        if named != dimension.identity:
            rule.refuse(dimension.row, record.row, f"be the {dimension.key} of the {dimension.row} beside it", named)
