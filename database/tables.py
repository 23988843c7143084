"""Entries out of whole tables, whether they lie in another database or in Parquet files; every row is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from presage.database.write import Placed
from presage.errors import InvalidExperience
from presage.records.entries import ENTRIES
from presage.records.record import Record

__all__ = ["RECORDS", "Refuse", "TableReader", "entries_of_tables", "is_named", "sound_records"]

_NAMED: dict[str, type[Record]] = {kind.row: kind for entry in ENTRIES.values() for kind in entry.of.references}
"""Records that others name."""

RECORDS: dict[str, type[Record]] = {
    kind.table: kind for kind in (*_NAMED.values(), *(entry.of for entry in ENTRIES.values()))
}
"""The tables that hold experience, those that others refer to first."""

TableReader = Callable[[type[Record]], Iterable[tuple[str, Mapping[str, Any]]]]
"""Gives a table's rows: where each stands, and its columns (with `id`, where the table has one)."""

Refuse = Callable[[str, object], None]
R = TypeVar("R", bound=Record)


def is_named(table: str) -> bool:
    """Whether rows of others name those of a table, so that they are kept while the others are read."""
    return any(kind.table == table for kind in _NAMED.values())


def entries_of_tables(read: TableReader, refuse: Refuse) -> Iterator[Placed]:
    """Entries of all tables. A row that breaks a rule, or refers to a row that is not there, is refused."""
    known: dict[str, dict[str, Record]] = {}
    for field, kind in _NAMED.items():
        known[field] = {}
        for where, record in _records(kind, read, refuse):
            if record.identity in known[field]:
                refuse(where, f"The {kind.row} {record.identity[:12]}… is there twice.")
            known[field].setdefault(record.identity, record)
    for entry in ENTRIES.values():
        for where, record in _records(entry.of, read, refuse):
            missing = [kind for kind in record.references if getattr(record, kind.row) not in known[kind.row]]
            if missing:
                row, table = missing[0].row, missing[0].table
                refuse(where, f"Its {row} {getattr(record, row)[:12]}… is not in the table `{table}`.")
                continue
            parts: dict[str, Any] = {kind.row: known[kind.row][getattr(record, kind.row)] for kind in record.references}
            parts[record.row] = record
            try:
                made = entry(**parts)
            except InvalidExperience as error:
                refuse(where, error)
                continue
            yield Placed(where, made)


def sound_records(kind: type[R], read: TableReader) -> list[R]:
    """Records of a table that obey every rule that one row alone can obey, and are there once."""
    found: dict[str, list[R]] = {}
    for _, record in _records(kind, read, lambda where, why: None):
        found.setdefault(record.identity, []).append(record)
    return [alike[0] for alike in found.values() if len(alike) == 1]


def _records(kind: type[R], read: TableReader, refuse: Refuse) -> Iterator[tuple[str, R]]:
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
