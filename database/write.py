"""Entries into tables: rows already known are passed over, contradictions are refused and named, the rest inserted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from presage.database.claims import Claims, Vouch
from presage.database.connection import Connection
from presage.errors import InvalidDatabase, InvalidExperience, PresageError
from presage.records.architecture import ArchitectureRecord
from presage.records.dataset import DatasetRecord
from presage.records.entries import ENTRIES, Entry, ExperimentEntry
from presage.records.recipe import RecipeRecord
from presage.records.record import Record
from presage.records.text import TextRecord
from presage.terminal import one_line

__all__ = [
    "MOST_NAMED", "CheckArchitecture", "CheckEntry", "ImportReport", "Placed", "Refusal", "Writer",
    "contradiction", "insert", "stored",
]  # fmt: skip

CheckArchitecture = Callable[[str], None]
CheckEntry = Callable[[Entry], None]

BATCH = 2_000
MOST_NAMED = 10_000
"""Refused rows that are named."""

_HEAVY = 64 << 20  # bytes of a batch
_NUMBER = 32  # bytes of a number in a list


@dataclass(frozen=True)
class Refusal:
    """A row that did not enter, where it stood (``file:line``) and why."""

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


@dataclass(frozen=True)
class Placed:
    """An entry and where it came from."""

    where: str
    entry: Entry


@dataclass(frozen=True)
class ImportReport:
    """What came of writing rows.

    Attributes:
        experiments: that were added; those that replaced a failure by a success are among them.
        probes: that were added.
        predictions: that were added.
        already: rows that were there before, with the same result.
        refused: rows that did not enter, the first `MOST_NAMED` of them.
        notes: what else the reader should know.
        unnamed: how many more did not.
        text_experiments: trainings on texts that were added.
        dry_run: nothing was written; all this is what would have come of it.
    """

    experiments: int = 0
    probes: int = 0
    predictions: int = 0
    already: int = 0
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    dry_run: bool = False
    unnamed: int = 0
    text_experiments: int = 0

    @classmethod
    def of_all(cls, reports: Iterable[ImportReport], *, dry_run: bool = False) -> ImportReport:
        """What came of several: counts summed, refused rows and notes one after the other."""
        every = list(reports)
        counted = ("experiments", "probes", "predictions", "already", "unnamed", "text_experiments")
        return cls(
            **{name: sum(getattr(one, name) for one in every) for name in counted},
            refused=tuple(refusal for one in every for refusal in one.refused),
            notes=tuple(note for one in every for note in one.notes),
            dry_run=dry_run,
        )

    @property
    def added(self) -> int:
        """Rows that were added, of every kind."""
        return self.experiments + self.probes + self.predictions + self.text_experiments

    def text(self) -> str:
        """A summary in one line, then one line for each note and refused row."""
        kinds = f"{self.experiments} experiments, {self.probes} probes, {self.predictions} predictions"
        if self.text_experiments:
            kinds += f", {self.text_experiments} experiments on texts"
        head = f"{self.already} were there already; {len(self.refused) + self.unnamed} refused."
        head = f"Would add {kinds}; {head} Nothing was written." if self.dry_run else f"Added {kinds}; {head}"
        more = [f"and {self.unnamed:,} more"] if self.unnamed else []
        return "\n".join(map(one_line, [head, *self.notes, *self.refused, *more]))


@dataclass
class Writer:
    """Inserts entries, batch by batch, within a transaction that the caller holds.

    A dataset's facts (its size, its classes) must be those known of its fingerprint; its name, and the space an
    architecture was sampled from, stay as first stored. An experiment known with another result is refused; only a
    finished one replaces a failed one.

    Args:
        connection: the open file.
        check_architecture: called once with the JSON text of each architecture; raises PresageError for none.
        check_entry: called with each entry that is not known yet; raises PresageError for one whose claims are false.
        vouch: which of many experiments surely pass these checks, and are not asked about one by one.
    """

    connection: Connection
    check_architecture: CheckArchitecture | None = None
    check_entry: CheckEntry | None = None
    vouch: Vouch | None = None
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENTRIES, 0))
    already: int = 0
    refused: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unnamed: int = 0
    _verdicts: dict[str, str] = field(default_factory=dict)

    def write(self, placed: Iterable[Placed]) -> None:
        """Insert all that can be, in batches of 2,000, and of less where entries are large."""
        batch: list[Placed] = []
        weight = 0
        for one in placed:
            batch.append(one)
            weight += _weight(one.entry.record)
            if len(batch) == BATCH or weight > _HEAVY:
                self._write_batch(batch)
                batch, weight = [], 0
        if batch:
            self._write_batch(batch)

    def refuse(self, where: str, why: object) -> None:
        """Note a row that does not enter; beyond `MOST_NAMED` they are counted, as somebody else's file may hold
        millions."""
        if len(self.refused) < MOST_NAMED:
            self.refused.append(Refusal(where, str(why)))
        else:
            self.unnamed += 1

    def undo(self) -> None:
        """What was inserted is no longer there: the transaction was taken back."""
        self.counts, self.already = dict.fromkeys(ENTRIES, 0), 0

    def report(self) -> ImportReport:
        """What has come of it so far."""
        n = self.counts
        return ImportReport(
            n["experiment"], n["probe"], n["prediction"], self.already, tuple(self.refused), tuple(self.notes),
            unnamed=self.unnamed, text_experiments=n["text_experiment"],
        )  # fmt: skip

    def _write_batch(self, batch: Sequence[Placed]) -> None:
        keys: dict[type[Record], set[str]] = {}
        for entry in ENTRIES.values():
            keys |= {kind: set() for kind in entry.parts().values()}
        for placed in batch:
            for record in (*placed.entry.dimensions, placed.entry.record):
                keys[type(record)].add(record.identity)
        known = {kind: stored(self.connection, kind, wanted) for kind, wanted in keys.items()}
        fresh: dict[type[Record], dict[str, Any]] = {kind: {} for kind in known}
        replaced: dict[type[Record], set[str]] = {kind: set() for kind in known}
        vouched = set() if self.vouch is None else _vouched([placed.entry for placed in batch], self.vouch)
        for at, placed in enumerate(batch):
            row = placed.entry.record
            why = self._objection(placed.entry, known, at in vouched)
            if why:
                self.refuse(placed.where, why)
                continue
            old = known[type(row)].get(row.identity)
            if old is not None and not _succeeds(row, old):
                self.already += 1
                continue
            if old is not None and row.identity not in fresh[type(row)]:
                replaced[type(row)].add(row.identity)
            for record in (*placed.entry.dimensions, row):
                if record is row or record.identity not in known[type(record)]:
                    known[type(record)][record.identity] = fresh[type(record)][record.identity] = record
        for kind, gone in replaced.items():
            if gone:
                where = f"{kind.key} IN (SELECT unnest(?::VARCHAR[]))"
                self.connection.run(f"DELETE FROM {kind.table} WHERE {where}", [list(gone)])
        for kind, records in fresh.items():
            insert(self.connection, kind, list(records.values()))
            if kind.row in self.counts:
                self.counts[kind.row] += len(records)

    def _objection(self, entry: Entry, known: dict[type[Record], dict[str, Any]], vouched: bool) -> str:
        for dimension in entry.dimensions:
            why = contradiction(dimension, known[type(dimension)].get(dimension.identity))
            if not why and not vouched and isinstance(dimension, ArchitectureRecord):
                why = self._verdict(dimension)
            if why:
                return why
        row = entry.record
        old = known[type(row)].get(row.identity)
        if self.check_entry is not None and not vouched and (old is None or _succeeds(row, old)):
            try:
                self.check_entry(entry)
            except PresageError as error:
                return str(error)
        if old is None or row.failed or old.failed or not row.contradicts(old):
            return ""
        return f"This {row.row} ({_named(row)}) is known with another result: {_difference(row, old)}."

    def _verdict(self, architecture: ArchitectureRecord) -> str:
        if self.check_architecture is None:
            return ""
        if architecture.hash not in self._verdicts:
            try:
                self.check_architecture(architecture.text)
                self._verdicts[architecture.hash] = ""
            except PresageError as error:
                self._verdicts[architecture.hash] = f"The architecture {architecture.hash[:12]}… is none: {error}"
        return self._verdicts[architecture.hash]


def _vouched(entries: Sequence[Entry], vouch: Vouch) -> set[int]:
    """Positions of the finished experiments whose claims are surely true."""
    finished = [
        (at, one)
        for at, one in enumerate(entries)
        if isinstance(one, ExperimentEntry) and one.experiment.accuracy is not None
    ]
    texts: dict[str, int] = {}
    datasets: dict[tuple[str, int, int], tuple[int, DatasetRecord]] = {}
    recipes: dict[tuple[str, str], tuple[int, RecipeRecord]] = {}
    rows: list[list[int]] = []
    for _, entry in finished:
        dataset, recipe, experiment = entry.dataset, entry.recipe, entry.experiment
        facts = dataset.fingerprint, dataset.channels, dataset.classes
        claimed = (experiment.parameters, experiment.multiply_adds, experiment.activation_bytes, experiment.depth)
        network = texts.setdefault(entry.architecture.text, len(texts))
        place = datasets.setdefault(facts, (len(datasets), dataset))[0]
        rows.append(
            [network, place, recipes.setdefault((recipe.hash, recipe.text), (len(recipes), recipe))[0], *claimed]
        )
    try:
        columns = np.array(rows, np.int64).reshape(len(rows), 7).T
    except OverflowError:
        return set()
    accuracy = np.array([one.experiment.accuracy for _, one in finished], np.float64)
    last = np.array([one.experiment.curve[-1] if one.experiment.curve else np.nan for _, one in finished], np.float64)
    if not len(rows):
        return set()
    sure = vouch(
        Claims(
            list(texts),
            [one for _, one in datasets.values()],
            [one for _, one in recipes.values()],
            columns[0],
            columns[1],
            columns[2],
            parameters=columns[3],
            multiply_adds=columns[4],
            activation_bytes=columns[5],
            depth=columns[6],
            accuracy=accuracy,
            last=last,
        )
    )
    return {at for (at, _), is_sure in zip(finished, sure, strict=True) if is_sure}


def _weight(row: Record) -> int:
    """Bytes of its texts and lists, about."""
    held = (value for value in vars(row).values() if isinstance(value, str | tuple | list))
    return sum(len(value) * (1 if isinstance(value, str) else _NUMBER) for value in held)


def _succeeds(row: Record, old: Record) -> bool:
    return old.failed and not row.failed


def contradiction(new: Record, old: Record | None) -> str:
    """What a dataset or text says of itself that is not what is known of it; "" where nothing is."""
    if not isinstance(new, DatasetRecord | TextRecord) or not isinstance(old, DatasetRecord | TextRecord):
        return ""  # architectures, cells and recipes are their hash
    for name in new.results:
        if getattr(new, name) != getattr(old, name):
            return (
                f"The fingerprint {new.fingerprint[:12]}… is of the {new.row} {old.name!r} with {name} "
                f"{getattr(old, name)}; it cannot have {getattr(new, name)}."
            )
    return ""


def _named(row: Record) -> str:
    values = [str(getattr(row, name)) for name in row.identified_by]
    return ", ".join(value if len(value) < 20 else f"{value[:12]}…" for value in values)


def _difference(row: Record, old: Record) -> str:
    name = row.contradicts(old)[0]
    texts = [repr(getattr(record, name)) for record in (old, row)]
    stored, given = (text if len(text) < 40 else f"{text[:39]}…" for text in texts)
    return f"{name} {stored} is stored, {given} was given"


def stored(connection: Connection, kind: type[Record], keys: set[str]) -> dict[str, Any]:
    """Rows of a table by key. Those that can contradict nothing are their key: nothing else is read."""
    if not keys:
        return {}
    where = f"WHERE {kind.key} IN (SELECT unnest(?::VARCHAR[]))"
    if not kind.results:
        found = connection.rows(f"SELECT {kind.key} FROM {kind.table} {where}", [list(keys)])
        return dict.fromkeys((key for (key,) in found), True)
    columns = kind.column_names()
    names = ", ".join(f'"{name}"' for name in columns)
    found = connection.rows(f"SELECT {names} FROM {kind.table} {where}", [list(keys)])
    try:
        records = [kind.from_columns(dict(zip(columns, values, strict=True))) for values in found]
    except InvalidExperience as error:
        raise InvalidDatabase(
            f"The database {connection.path} holds a damaged row: {error} `presage database check` names all."
        ) from None
    return {record.identity: record for record in records}


def insert(connection: Connection, kind: type[Record], records: Sequence[Record]) -> None:
    """Write new rows, all in one statement. They travel as JSON, which keeps floats exact and is fast for lists."""
    if not records:
        return
    types = connection.rows(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? AND NOT internal "
        "ORDER BY column_index",
        [kind.table],
    )
    structure = {name: ["DOUBLE"] if data_type == "DOUBLE[]" else data_type for name, data_type in types}
    names = ", ".join(f'"{name}"' for name in structure)
    values = ", ".join(f'r."{name}"' for name in structure)
    connection.run(
        f"INSERT INTO {kind.table} ({names}) SELECT {values} FROM (SELECT unnest(from_json_strict(?, ?)) AS r)",
        [json.dumps([record.to_columns() for record in records]), json.dumps([structure])],
    )
