"""One's own past trainings, a table with a row each, as entries for the database; what is wrong with a row is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.architectures import NamedArchitecture, costs_of
from presage.database.table_files import TableRow, read_table_file
from presage.database.write import Placed, Refusal
from presage.errors import InvalidExperience, PresageError
from presage.records import DatasetRecord, ExperimentEntry, ExperimentRecord, ProbeEntry, ProbeRecord
from presage.records.experiment import FINISHED
from presage.steps.imports.cells import AccuracyUnit, moment, number, refused, whole
from presage.steps.imports.columns import NEEDED, Named, columns_of
from presage.steps.imports.datasets import Datasets
from presage.steps.imports.networks import NetworkCell, NetworkCells
from presage.steps.imports.own_recipes import recipe_of_row
from presage.steps.imports.trainings import UNKNOWN, ImportedTrainings
from presage.training.recording import architecture_record, recipe_record

if TYPE_CHECKING:
    from presage.training import ImageDataset, Recipe

__all__ = ["read_own_trainings"]


def read_own_trainings(
    path: Path,
    known: Sequence[DatasetRecord],
    probed: Collection[str],
    load: Callable[[str], ImageDataset],
    *,
    renamed: Mapping[str, str] | None = None,
    trust_code: bool = False,
) -> ImportedTrainings:
    """Read a CSV or Parquet file of trainings.

    Args:
        path: the file; paths in it are seen from its folder.
        known: datasets of the database.
        probed: fingerprints of those that have a probe.
        load: reads the images that a word names.
        renamed: column of presage → what the file calls it.
        trust_code: import the modules that the table names, and call their callables.

    Raises:
        InvalidArgument: the file is no table, or lacks a column.
    """
    table = read_table_file(path)
    names = columns_of(table.columns, renamed or {}, str(path))
    reader = _Reader(
        path,
        Datasets(path.parent, known, load),
        NetworkCells(path.parent, trust_code=trust_code),
        AccuracyUnit(row.cells.get(names.of["accuracy"]) for row in table.rows),
        probed,
    )
    for row in table.rows:
        try:
            reader.take(row, {ours: row.cells.get(theirs) for ours, theirs in names.of.items()})
        except PresageError as error:
            reader.found.refused.append(Refusal(row.where, str(error)))
    reader.tell(names)
    return reader.found


@dataclass
class _Reader:
    """Turns rows into entries, and remembers what is to be said of them all."""

    path: Path
    datasets: Datasets
    networks: NetworkCells
    unit: AccuracyUnit
    probed: Collection[str]
    found: ImportedTrainings = field(default_factory=ImportedTrainings)
    now: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    _seeds: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _groups: dict[tuple[str, str], list[ExperimentEntry]] = field(default_factory=dict)
    _recipes: dict[str, Recipe] = field(default_factory=dict)
    _told_dcn: dict[str, float] = field(default_factory=dict)
    _unsaid: Counter[str] = field(default_factory=Counter)

    def take(self, row: TableRow, cells: Mapping[str, Any]) -> None:
        """Add the entry of a row. Raises PresageError where it is none."""
        if row.problem:
            raise InvalidExperience(row.problem)
        for name in NEEDED:
            if cells[name] is None:
                raise refused(name, "be given", None)
        dataset = self.datasets.read(cells["dataset"], cells)
        recipe, unsaid = recipe_of_row(cells, dataset)
        network = self.networks.read(cells["network"], cells.get("space"))
        entry = self._entry(cells, dataset, recipe, network)
        if cells.get("dataset_dcn") is not None and dataset.fingerprint not in self.probed:
            self._probe(row.where, dataset, number("dataset_dcn", cells["dataset_dcn"]))
        self.found.placed.append(Placed(row.where, entry))
        self._recipes[recipe.hash] = recipe
        self._groups.setdefault((dataset.fingerprint, recipe.hash), []).append(entry)
        self._unsaid.update(unsaid)

    def _entry(
        self, cells: Mapping[str, Any], dataset: DatasetRecord, recipe: Recipe, network: NetworkCell
    ) -> ExperimentEntry:
        architecture = network.architecture
        side = recipe.image_side
        shape = (dataset.channels, side, side)
        costs = costs_of(NamedArchitecture("The network", architecture), shape, dataset.classes)
        test, seconds, date = (cells.get(name) for name in ("test_accuracy", "seconds", "date"))
        experiment = ExperimentRecord(
            dataset=dataset.fingerprint,
            architecture=architecture.hash,
            recipe=recipe.hash,
            seed=self._seed(cells.get("seed"), (dataset.fingerprint, architecture.hash, recipe.hash)),
            status=FINISHED,
            accuracy=self.unit.share("accuracy", cells["accuracy"]),
            test_accuracy=None if test is None else self.unit.share("test_accuracy", test),
            curve=(),
            train_losses=(),
            depth_accuracies=(),
            parameters=costs.parameters,
            multiply_adds=costs.multiply_adds,
            activation_bytes=costs.activation_bytes,
            depth=costs.depth,
            seconds=0.0 if seconds is None else number("seconds", seconds),
            device=UNKNOWN,
            precision=UNKNOWN,
            versions={},
            failure=None,
            created_at=self.now if date is None else moment("date", date),
            source=f"own trainings: {self.path.name}",
        )
        described = architecture_record(architecture, network.space, network.params)
        return ExperimentEntry(dataset, described, recipe_record(recipe), experiment)

    def _seed(self, cell: Any, identity: tuple[str, str, str]) -> int:
        """As the row says; else the number of rows of the same training before it."""
        if cell is not None:
            return whole("seed", cell)
        self._seeds[identity] += 1
        return self._seeds[identity] - 1

    def _probe(self, where: str, dataset: DatasetRecord, dcn: float) -> None:
        """A difficulty that was found elsewhere; one for each dataset."""
        from presage.probe import PROBE_VERSION

        before = self._told_dcn.setdefault(dataset.fingerprint, dcn)
        if before != dcn:
            raise refused("dataset_dcn", f"be one number for a dataset; {before:g} was given above", dcn)
        if any(isinstance(one.entry, ProbeEntry) and one.entry.dataset == dataset for one in self.found.placed):
            return
        record = ProbeRecord(
            dataset=dataset.fingerprint, version=PROBE_VERSION, seed=0, dcn=dcn, curve=(dcn,), seconds=0.0,
            device=UNKNOWN, versions={}, description={}, created_at=self.now,
        )  # fmt: skip
        self.found.placed.append(Placed(where, ProbeEntry(dataset, record)))

    def tell(self, names: Named) -> None:
        """Notes on the whole table: units, columns, what was trained by what, and what will not be learned from."""
        from presage.training.recipe_words import words_on

        notes = self.found.notes
        if self.unit.percent:
            notes.append(f"{self.path.name}: accuracies are percents, for half of them or more are over 1.")
        for theirs, ours in names.taken_for.items():
            notes.append(f"{self.path.name}: the column {theirs} was taken for `{ours}`.")
        if names.passed_over:
            listed = ", ".join(names.passed_over)
            notes.append(f"{self.path.name}: columns of no meaning here were passed over: {listed}.")
        for words, rows in self._unsaid.items():
            notes.append(f"{self.path.name}: no recipe can say {words} ({rows} rows): kept as unknown.")
        for (fingerprint, digest), entries in self._groups.items():
            dataset = entries[0].dataset
            accuracies = [entry.experiment.accuracy for entry in entries]
            networks = len({entry.architecture.hash for entry in entries})
            notes.append(
                f"{dataset.name}, {words_on(self._recipes[digest], dataset)}: {len(entries)} trainings of {networks} "
                f"networks, accuracies {min(accuracies):.3f} to {max(accuracies):.3f}. Predictions by this recipe: "  # type: ignore[type-var]
                f"--recipe {digest[:12]}"
            )
            if fingerprint not in self.probed and fingerprint not in self._told_dcn:
                notes.append(
                    f"{dataset.name} was never probed: nothing is learned from trainings on it until its images are "
                    f"(`presage probe {self.datasets.paths.get(fingerprint, 'PATH')}`), or a `dataset_dcn` is given."
                )
        notes[:] = list(dict.fromkeys(notes))
