"""Entries out of whole tables, whether they lie in another database or in Parquet files; every row is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from presage.database.entries import Entry, ExperimentEntry, PredictionEntry, ProbeEntry
from presage.database.records import (
    ArchitectureRecord,
    DatasetRecord,
    ExperimentRecord,
    PredictionRecord,
    ProbeRecord,
    RecipeRecord,
    Record,
)
from presage.database.write import Placed
from presage.errors import InvalidExperience

__all__ = ["RECORDS", "Refuse", "TableReader", "entries_of_tables"]

RECORDS: dict[str, type[Record]] = {
    kind.table: kind
    for kind in (DatasetRecord, ArchitectureRecord, RecipeRecord, ExperimentRecord, ProbeRecord, PredictionRecord)
}
"""The tables that hold experience, those that others refer to first."""

_DIMENSIONS: dict[str, type[Record]] = {
    "dataset": DatasetRecord,
    "architecture": ArchitectureRecord,
    "recipe": RecipeRecord,
}
_ENTRIES: dict[type[Record], Any] = {
    ExperimentRecord: ExperimentEntry,
    ProbeRecord: ProbeEntry,
    PredictionRecord: PredictionEntry,
}

TableReader = Callable[[type[Record]], Iterable[tuple[str, Mapping[str, Any]]]]
"""Gives a table's rows: where each stands, and its columns (with `id`, where the table has one)."""

Refuse = Callable[[str, object], None]


def entries_of_tables(read: TableReader, refuse: Refuse) -> Iterator[Placed]:
    """Entries of all tables. A row that breaks a rule, or refers to a row that is not there, is refused."""
    known: dict[str, dict[str, Record]] = {}
    for field, kind in _DIMENSIONS.items():
        known[field] = {}
        for where, record in _records(kind, read, refuse):
            if record.identity in known[field]:
                refuse(where, f"The {kind.row} {record.identity[:12]}… is there twice.")
            known[field].setdefault(record.identity, record)
    for kind, entry in _ENTRIES.items():
        for where, record in _records(kind, read, refuse):
            wanted = [field for field in _DIMENSIONS if hasattr(record, field)]
            missing = [field for field in wanted if getattr(record, field) not in known[field]]
            if missing:
                field = missing[0]
                refuse(
                    where,
                    f"Its {field} {getattr(record, field)[:12]}… is not in the table `{_DIMENSIONS[field].table}`.",
                )
                continue
            try:
                made: Entry = entry(
                    **{field: known[field][getattr(record, field)] for field in wanted}, **{kind.row: record}
                )
            except InvalidExperience as error:
                refuse(where, error)
                continue
            yield Placed(where, made)


def _records(kind: type[Record], read: TableReader, refuse: Refuse) -> Iterator[tuple[str, Record]]:
    for where, values in read(kind):
        columns = dict(values)
        claimed = columns.pop("id", None)
        try:
            record = kind.from_columns(columns)
        except InvalidExperience as error:
            refuse(where, error)
            continue
        if claimed is not None and claimed != record.identity:
            refuse(where, f"The `id` of `{kind.row}` must be the SHA-256 of its identity ({record.identity[:12]}…).")
            continue
        yield where, record
