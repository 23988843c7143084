"""Exchange with a team's shared place: what is new there is taken in, what is missing there is left there.

The place holds parts (`presage.database.parts`), which only ever appear. Which parts a database has taken in, and which
rows they hold, it remembers itself, in the same transaction as the rows: so a sync that is killed or repeated at any
moment neither loses nor doubles anything, and any number of databases may be at it at once. What two of them write
twice because neither had seen the other's is taken in once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from presage.database.by_columns import NamedRecords, take_by_columns, taken_identities
from presage.database.claims import Vouch
from presage.database.connection import Connection
from presage.database.parts import read_part, write_parts
from presage.database.shared_places import SharedPlace
from presage.database.write import CheckArchitecture, CheckEntry, ImportReport, Placed, Refusal, Writer
from presage.errors import InvalidDatabase
from presage.files import writing_beside
from presage.records.entries import ENTRIES
from presage.terminal import one_line

__all__ = ["OnSync", "SyncReport", "sync"]

OnSync = Callable[[str, int, int], None]
"""Told ``pull`` or ``push``, parts done, and parts in all."""


class _Opened(Protocol):
    @property
    def connection(self) -> Connection: ...


@dataclass(frozen=True)
class SyncReport:
    """What came of a sync.

    Attributes:
        pulled: what entered the database; conflicts, and rows and parts that break a rule, are among its `refused`.
            They are named again at each sync until they can be taken in, and stay where they are.
        parts_pulled: parts that were read.
        pushed: rows that were left in the place, by table.
        parts_pushed: parts that were written.
    """

    pulled: ImportReport
    parts_pulled: int
    pushed: dict[str, int]
    parts_pushed: int

    def text(self) -> str:
        """Two lines, then one line for each refused row."""
        tables = [table for table in (entry.of.table for entry in ENTRIES.values()) if self._told(table)]
        kinds = ", ".join(f"{self.pushed.get(table, 0)} {table}" for table in tables)
        pushed = f"Left there {kinds}, in {self.parts_pushed} parts."
        first, *rest = self.pulled.text().splitlines()
        return "\n".join([one_line(f"{self.parts_pulled} parts read. {first}"), pushed, *rest])

    def _told(self, table: str) -> bool:
        """Trainings on texts are told of where there are some."""
        return table != ENTRIES["text_experiment"].of.table or table in self.pushed


def sync(
    opened: Callable[[], AbstractContextManager[_Opened]],
    place: SharedPlace,
    check_architecture: CheckArchitecture | None = None,
    check_entry: CheckEntry | None = None,
    on_progress: OnSync = lambda stage, done, total: None,
    vouch: Vouch | None = None,
) -> SyncReport:
    """Pull, then push. The database is open only in between, not while parts travel.

    Args:
        opened: opens the database, for writing.
        place: of `presage.database.shared_places`.
        check_architecture, check_entry, vouch: as `Database.import_parquet` has them.

    Raises:
        PlaceUnreachable: the place does not answer; what was taken in before stands.
        DatabaseBusy, StorageFull: as `Database.open`.
    """
    names = place.names()
    with opened() as database:
        known = {name for (name,) in database.connection.rows("SELECT name FROM parts WHERE whole")}
    due = [name for name in names if name not in known]
    with tempfile.TemporaryDirectory(prefix="presage-sync-") as scratch, writing_beside(Path(scratch)):
        fetched, refused = _fetched(place, due, Path(scratch), on_progress)
        with opened() as database:
            connection, reports = database.connection, [ImportReport(refused=tuple(refused))]
            for name in due:
                writer = Writer(connection, check_architecture, check_entry)
                if name in fetched:
                    _take(connection, writer, name, fetched[name], vouch)
                else:
                    _forget(connection, name)
                reports.append(writer.report())
            written = _written(connection, names, Path(scratch))
        for number, (path, _) in enumerate(written, start=1):
            place.put(path)
            on_progress("push", number, len(written))
    pushed: dict[str, int] = {}
    for path, rows in written:
        table = path.name.partition("-")[0]
        pushed[table] = pushed.get(table, 0) + rows
    return SyncReport(ImportReport.of_all(reports), len(fetched), pushed, len(written))


def _fetched(
    place: SharedPlace, due: Sequence[str], scratch: Path, on_progress: OnSync
) -> tuple[dict[str, Path], list[Refusal]]:
    """The parts that are what their names say, by name; the others are refused."""
    found, refused = {}, []
    for number, name in enumerate(due, start=1):
        try:
            place.fetch(name, scratch / name)
            found[name] = scratch / name
        except InvalidDatabase as error:
            refused.append(Refusal(name, str(error)))
        on_progress("pull", number, len(due))
    return found, refused


def _take(connection: Connection, writer: Writer, name: str, path: Path, vouch: Vouch | None) -> None:
    """Take in what can be of a part, and note what it holds; of one that cannot be read, nothing."""
    seen: list[tuple[str, bool]] = []

    def take(reader: Connection, folder: Path, named: NamedRecords) -> bool:
        assert vouch is not None
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            if not take_by_columns(reader, folder, Path(scratch), named, writer, vouch):
                return False
        seen.extend((identity, False) for identity in taken_identities(reader, folder))
        return True

    def noted() -> Iterator[Placed]:
        for placed in read_part(path, name, writer.refuse, None if vouch is None else take):
            seen.append((placed.entry.record.identity, placed.entry.record.failed))
            yield placed

    try:
        with connection.transaction():
            writer.write(noted())
            _note(connection, name, seen, whole=not writer.refused)
    except InvalidDatabase as error:
        if connection.path.name in str(error):  # the database's own damage
            raise
        writer.undo()
        writer.refuse(name, error)
        _forget(connection, name)


def _written(connection: Connection, names: Sequence[str], scratch: Path) -> list[tuple[Path, int]]:
    """Parts of all rows that those in the place do not hold, and how many rows each has.

    They are noted before they are in the place: what is noted of a part counts only while the place lists it.
    """
    folder = scratch / "new"
    folder.mkdir()
    written = []
    missing = {entry.of.table: _missing(connection, entry.of.table, names) for entry in ENTRIES.values()}
    with connection.transaction():
        for path, ids in write_parts(connection, folder, missing):
            failed = missing[path.name.partition("-")[0]]
            _note(connection, path.name, [(one, failed[one]) for one in ids], whole=True)
            written.append((path, len(ids)))
    return written


_FAILING = {entry.of.table for entry in ENTRIES.values() if "status" in entry.of.column_names()}


def _missing(connection: Connection, table: str, names: Sequence[str]) -> dict[str, bool]:
    """Ids of the rows that no part of these holds, or holds as a failure only; whether each is a failure."""
    failed = "k.status <> 'finished'" if table in _FAILING else "false"
    return dict(
        connection.rows(
            f"SELECT k.id, {failed} FROM {table} k WHERE NOT EXISTS (SELECT 1 FROM part_rows p WHERE p.id = k.id "
            f"AND (NOT p.failed OR {failed}) AND p.part IN (SELECT unnest(?::VARCHAR[])))",
            [list(names)],
        )
    )


def _note(connection: Connection, name: str, rows: Sequence[tuple[str, bool]], *, whole: bool) -> None:
    connection.run("INSERT OR REPLACE INTO parts VALUES (?, ?, ?)", [name, whole, datetime.now(UTC).isoformat()])
    connection.run("DELETE FROM part_rows WHERE part = ?", [name])
    connection.run(
        "INSERT INTO part_rows SELECT ?, unnest(?::VARCHAR[]), unnest(?::BOOLEAN[])",
        [name, [identity for identity, _ in rows], [failed for _, failed in rows]],
    )


def _forget(connection: Connection, name: str) -> None:
    """A part that cannot be read holds nothing."""
    connection.run("DELETE FROM part_rows WHERE part = ?", [name])
