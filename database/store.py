"""`Database`: the lifelong database of experiments, the one door to its file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from presage.database.asking import Asking
from presage.database.claims import Vouch
from presage.database.connection import Connection, OnWait, is_written
from presage.database.copying import write_copy
from presage.database.merge import read_database
from presage.database.opening import opened_as_is, opened_to_read, opened_to_write
from presage.database.parquet import read_parquet, write_parquet
from presage.database.paths import default_path
from presage.database.shards import read_shards
from presage.database.shipped import seed_is_due
from presage.database.write import CheckArchitecture, CheckEntry, ImportReport, Placed, Writer
from presage.errors import InvalidExperience
from presage.places import user_path
from presage.records.entries import Entry, ExperimentEntry, PredictionEntry, ProbeEntry, TextExperimentEntry

__all__ = ["Database"]


class _TakenBack(Exception):
    """Ends a transaction that was only to see what would come of it."""


class Database(Asking):
    """The lifelong database of experiments (LDE), one DuckDB file. Open it with `Database.open`.

    One process owns the file while it is open for writing, and no other may even read it then: keep it open only
    while it is used. Several connections within one process are fine.

    Every method that writes does so in one transaction: an error, a kill or a full disk leaves what was there.

    Example::

        with Database.open("experience.duckdb") as database:
            report = database.import_shards(["shards/"])
            near = database.similar(dcn=0.71, least=200)
            best = database.sql("SELECT dataset, max(accuracy) FROM experiments GROUP BY ALL").to_frame()
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def open(
        cls,
        path: str | Path | None = None,
        *,
        wait_seconds: float = 10.0,
        read_only: bool = False,
        from_seed: bool | None = None,
        seed_only_if_empty: bool = False,
        waiting: OnWait | None = None,
    ) -> Self:
        """Open a database file, making it where there is none, and bring its schema up to date.

        Args:
            path: the file; None for the user's own (`paths.default_path`).
            wait_seconds: how long to wait while another process holds it.
            read_only: several processes may read at once while none writes.
            from_seed: take in the shipped experience where that has not been done. None: for the user's own file only.
            seed_only_if_empty: but only where the file holds nothing yet: it is new, or its maker was killed before
                anything was in it. A file that was made without the shipped experience stays without.
            waiting: called once where another process holds the file for more than a second.

        Raises:
            DatabaseBusy: another process holds the file; says which.
            InvalidDatabase: not DuckDB, not presage's, damaged, or newer than this presage; or a damaged seed.
            InvalidArgument: a folder that does not exist, or no file to read.
            StorageFull, StorageFailed: the disk is full, or fails.
        """
        seeded = path is None if from_seed is None else from_seed
        file = default_path(create=not read_only) if path is None else user_path(path, "database", "Database.open")
        if read_only:
            return cls(opened_as_is(file, wait_seconds, waiting))
        return cls(opened_to_write(file, seeded, seed_only_if_empty, wait_seconds, waiting))

    @classmethod
    def to_read(
        cls,
        path: str | Path | None = None,
        *,
        wait_seconds: float = 10.0,
        from_seed: bool | None = None,
        seed_only_if_empty: bool = False,
        waiting: OnWait | None = None,
    ) -> Self:
        """Open a database file for reading, as any number of processes may at once, and a file that may not be written.

        Where something is to be written first (there is no file yet, its schema is older, or the shipped experience is
        not in it) it is opened as `open` does, by one process at a time. Arguments and errors as `open` has them.
        """
        file = default_path(create=True) if path is None else user_path(path, "database", "Database.open")
        seeded = path is None if from_seed is None else from_seed
        options: dict[str, Any] = {"wait_seconds": wait_seconds, "waiting": waiting}
        given = {**options, "from_seed": from_seed, "seed_only_if_empty": seed_only_if_empty}
        if is_written(file):  # by this process, whose connections are all of one kind
            return cls.open(path, **given)
        is_due = partial(seed_is_due, only_if_empty=seed_only_if_empty) if seeded else lambda connection: False
        return cls(opened_to_read(file, lambda: cls.open(path, **given).close(), is_due, **options))

    @property
    def connection(self) -> Connection:
        """The open file, for this package's own modules."""
        return self._connection

    @property
    def path(self) -> Path:
        """The file."""
        return self._connection.path

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Writing

    def add_experiments(self, entries: Iterable[ExperimentEntry]) -> ImportReport:
        """Store experiments with the rows they refer to: all of them, or none.

        The identical experiment again is passed over. A finished one takes the place of a failed one.

        Raises:
            InvalidExperience: names the first that contradicts what is stored; nothing was stored then.
        """
        return self._add(entries)

    def add_probes(self, entries: Iterable[ProbeEntry]) -> ImportReport:
        """Store probes with their datasets: all of them, or none. Raises InvalidExperience as `add_experiments`."""
        return self._add(entries)

    def add_probe(self, entry: ProbeEntry) -> ImportReport:
        """Store one probe with its dataset."""
        return self._add([entry])

    def add_predictions(self, entries: Iterable[PredictionEntry]) -> ImportReport:
        """Store predictions, made before the truth was known: all of them, or none."""
        return self._add(entries)

    def add_text_experiments(self, entries: Iterable[TextExperimentEntry]) -> ImportReport:
        """Store trainings on texts: all of them, or none. Raises InvalidExperience as `add_experiments`."""
        return self._add(entries)

    def _add(self, entries: Iterable[Entry]) -> ImportReport:
        writer = Writer(self._connection)
        with self._connection.transaction():
            writer.write(Placed(f"row {i}", entry) for i, entry in enumerate(entries))
            if writer.refused:
                raise InvalidExperience(str(writer.refused[0]))
        return writer.report()

    def import_shards(
        self,
        paths: Iterable[str | Path],
        check_architecture: CheckArchitecture | None = None,
        check_entry: CheckEntry | None = None,
        *,
        vouch: Vouch | None = None,
        dry_run: bool = False,
    ) -> ImportReport:
        """Take in shards of JSON lines (files, or folders of ``*.jsonl``); idempotent.

        A line that breaks a rule is refused and named ``file:line``; the rest enters.

        Args:
            paths: files and folders.
            check_architecture: called with the JSON text of each new architecture; raises PresageError for one that
                is none (this floor does not know architectures).
            check_entry: called with each new entry; raises PresageError for one whose claims are false (this floor
                knows neither what a network costs nor what a recipe is).
            vouch: which of many experiments surely pass these checks: they are not asked about one by one.
            dry_run: report what would enter, and leave everything as it is.
        """
        return self._take(lambda writer: read_shards(paths, writer), check_architecture, check_entry, vouch, dry_run)

    def import_parquet(
        self,
        folder: str | Path,
        check_architecture: CheckArchitecture | None = None,
        check_entry: CheckEntry | None = None,
        *,
        vouch: Vouch | None = None,
        dry_run: bool = False,
    ) -> ImportReport:
        """Take in a folder that `export_parquet` wrote; idempotent. Rows that break a rule are refused and named.

        Args:
            check_architecture, check_entry, dry_run: as `import_shards` has them.
            vouch: which of many experiments surely pass these checks: they enter by columns, and at least ten times as
                fast.
        """
        source = user_path(folder)
        return self._take(
            lambda writer: read_parquet(source, writer, vouch), check_architecture, check_entry, vouch, dry_run
        )

    def merge(
        self,
        other: str | Path,
        check_architecture: CheckArchitecture | None = None,
        check_entry: CheckEntry | None = None,
        *,
        vouch: Vouch | None = None,
        wait_seconds: float = 10.0,
        dry_run: bool = False,
    ) -> ImportReport:
        """Take in all rows of another database file, which stays as it is; idempotent. Arguments as `import_parquet`
        has them. Raises as `open` does."""

        def read(writer: Writer) -> Iterable[Placed]:
            return read_database(user_path(other), writer, wait_seconds, vouch)

        return self._take(read, check_architecture, check_entry, vouch, dry_run)

    def import_entries(
        self,
        placed: Iterable[Placed],
        check_architecture: CheckArchitecture | None = None,
        check_entry: CheckEntry | None = None,
        *,
        vouch: Vouch | None = None,
        dry_run: bool = False,
    ) -> ImportReport:
        """Take in entries that were read elsewhere, each with where it stood; idempotent, as `import_shards`."""
        return self._take(lambda writer: placed, check_architecture, check_entry, vouch, dry_run)

    def _take(
        self,
        read: Callable[[Writer], Iterable[Placed]],
        check_architecture: CheckArchitecture | None,
        check_entry: CheckEntry | None,
        vouch: Vouch | None,
        dry_run: bool,
    ) -> ImportReport:
        writer = Writer(self._connection, check_architecture, check_entry, vouch)
        with suppress(_TakenBack), self._connection.transaction():
            writer.write(read(writer))
            if dry_run:
                raise _TakenBack
        return replace(writer.report(), dry_run=dry_run)

    def export_parquet(self, folder: str | Path) -> None:
        """Write everything as ``folder/<table>.parquet``; equal content gives equal files."""
        write_parquet(self._connection, user_path(folder))

    def copy(self, path: str | Path, *, without: str) -> None:
        """Write everything into another database file, but for what was trained on one dataset (fingerprint)."""
        write_copy(self._connection, user_path(path), without)
