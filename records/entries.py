"""What enters the database: a row together with the rows it refers to, as one line of a shard holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, cast

from presage.errors import InvalidExperience
from presage.records import rules as rule
from presage.records.architecture import ArchitectureRecord
from presage.records.cell import CellRecord
from presage.records.dataset import DatasetRecord
from presage.records.experiment import ExperimentRecord
from presage.records.prediction import PredictionRecord
from presage.records.probe import ProbeRecord
from presage.records.recipe import RecipeRecord
from presage.records.record import Record
from presage.records.text import TextRecord
from presage.records.text_experiment import TEXT_METRICS, TextExperimentRecord
from presage.records.text_recipe import TextRecipeRecord

__all__ = [
    "ENTRIES",
    "FORMAT",
    "VERSION",
    "Entry",
    "ExperimentEntry",
    "PredictionEntry",
    "ProbeEntry",
    "TextExperimentEntry",
    "entry_from_json",
    "entry_to_json",
]

FORMAT = "presage-experience"
VERSION = 1

R = TypeVar("R", bound=Record, covariant=True)


class _Entry(Generic[R]):
    """A record together with the records it names: fields called as each one's `row`.

    Raises:
        InvalidExperience: where it names others than these.
    """

    of: ClassVar[type[Record]]

    def __post_init__(self) -> None:
        for dimension in self.dimensions:
            row, named = dimension.row, getattr(self.record, dimension.row)
            if named != dimension.identity:
                rule.refuse(row, self.record.row, f"be the {dimension.key} of the {row} beside it", named)

    @classmethod
    def parts(cls) -> dict[str, type[Record]]:
        """Its objects by name, those that are named first."""
        return {kind.row: kind for kind in (*cls.of.references, cls.of)}

    @property
    def dimensions(self) -> tuple[Record, ...]:
        """The records that it names."""
        return tuple(getattr(self, kind.row) for kind in self.of.references)

    @property
    def record(self) -> R:
        """The record itself."""
        return cast(R, getattr(self, self.of.row))


@dataclass(frozen=True)
class ExperimentEntry(_Entry[ExperimentRecord]):
    """An experiment with its dataset, architecture and recipe; they must be the ones it names.

    Raises:
        InvalidExperience: where a reference differs, or the curve contradicts the recipe's `epochs`.
    """

    of = ExperimentRecord
    dataset: DatasetRecord
    architecture: ArchitectureRecord
    recipe: RecipeRecord
    experiment: ExperimentRecord

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_curve(self.experiment, self.recipe)


@dataclass(frozen=True)
class ProbeEntry(_Entry[ProbeRecord]):
    """A probe with its dataset.

    Raises:
        InvalidExperience: where the reference differs.
    """

    of = ProbeRecord
    dataset: DatasetRecord
    probe: ProbeRecord


@dataclass(frozen=True)
class PredictionEntry(_Entry[PredictionRecord]):
    """A prediction with its dataset, architecture and recipe.

    Raises:
        InvalidExperience: where a reference differs.
    """

    of = PredictionRecord
    dataset: DatasetRecord
    architecture: ArchitectureRecord
    recipe: RecipeRecord
    prediction: PredictionRecord


@dataclass(frozen=True)
class TextExperimentEntry(_Entry[TextExperimentRecord]):
    """A training on a text with its text, cell and recipe.

    Raises:
        InvalidExperience: where a reference differs, the metric is not that of the text's symbols, or the curve
            contradicts the recipe's `epochs`.
    """

    of = TextExperimentRecord
    text: TextRecord
    cell: CellRecord
    text_recipe: TextRecipeRecord
    text_experiment: TextExperimentRecord

    def __post_init__(self) -> None:
        super().__post_init__()
        metric = TEXT_METRICS[self.text.words > 0]
        if self.text_experiment.metric != metric:
            kind = "words" if self.text.words else "characters"
            rule.refuse("metric", "text_experiment", f"be {metric} for a text of {kind}", self.text_experiment.metric)
        _check_curve(self.text_experiment, self.text_recipe)


def _check_curve(experiment: ExperimentRecord | TextExperimentRecord, recipe: RecipeRecord) -> None:
    epochs, curve = recipe.json.get("epochs"), experiment.curve
    if not curve or not isinstance(epochs, int):
        return
    if len(curve) > epochs or (not experiment.failed and len(curve) != epochs):
        rule.refuse("curve", experiment.row, f"have one value for each of the recipe's {epochs} epochs", len(curve))


Entry = ExperimentEntry | ProbeEntry | PredictionEntry | TextExperimentEntry

ENTRIES: dict[str, type[Entry]] = {
    entry.of.row: entry for entry in (ExperimentEntry, ProbeEntry, PredictionEntry, TextExperimentEntry)
}
"""By the `kind` of their lines."""


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
    if not isinstance(kind, str) or kind not in ENTRIES:
        rule.refuse("kind", "line", f"be one of {', '.join(ENTRIES)}", kind)
    parts = ENTRIES[kind].parts()
    for name in given:
        if name not in parts and name not in ("format", "version", "kind"):
            raise InvalidExperience(f"A line of kind {kind} has no object `{name}`. Known: {', '.join(parts)}.")
    for name in parts:
        if name not in given:
            raise InvalidExperience(f"A line of kind {kind} lacks the object `{name}`.")
    made: dict[str, Any] = {name: record.from_json(given[name]) for name, record in parts.items()}
    return ENTRIES[kind](**made)


def entry_to_json(entry: Entry) -> dict[str, Any]:
    """The line of a shard that `entry_from_json` reads back, as an object."""
    objects = {name: getattr(entry, name).to_json() for name in entry.parts()}
    return {"format": FORMAT, "version": VERSION, "kind": entry.of.row, **objects}
