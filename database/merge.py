"""Merging another database into this one: every row is checked and named, and merging again adds nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from presage.database.bounds import rows_at_once
from presage.database.by_columns import NamedRecords, source, take_by_columns
from presage.database.claims import Vouch
from presage.database.connection import Connection, quoted
from presage.database.foreign import opened_as_data
from presage.database.migrate import in_memory
from presage.database.tables import TableReader, entries_of_tables, sound_records
from presage.database.write import Placed, Writer
from presage.errors import InvalidArgument, InvalidDatabase
from presage.files import writing_beside
from presage.records.architecture import ArchitectureRecord
from presage.records.dataset import DatasetRecord
from presage.records.experiment import ExperimentRecord
from presage.records.prediction import PredictionRecord
from presage.records.recipe import RecipeRecord
from presage.records.record import Record

__all__ = ["read_database", "table_reader"]


def read_database(
    path: Path, writer: Writer, wait_seconds: float = 10.0, vouch: Vouch | None = None
) -> Iterator[Placed]:
    """Entries of another database file, which stays as it is and is data alone (`presage.database.foreign`).

    A row that breaks a rule is refused by its key.

    Args:
        vouch: for what experiments claim: those that are surely sound then enter by columns before any other
            (`presage.database.by_columns`), and are not among the entries.

    Raises:
        InvalidArgument: it is the same file.
        DatabaseBusy, InvalidDatabase: as `Connection`.
    """
    own = writer.connection.path
    if path.exists() and own.exists() and path.samefile(own):
        raise InvalidArgument("other", "Database.merge", "be another file than the database itself", str(path))
    with (
        tempfile.TemporaryDirectory(prefix="presage-merge-") as made,
        opened_as_data(path, wait_seconds, Path(made)) as other,
        writing_beside(Path(made)),
    ):
        left = {} if vouch is None else _taken(other, Path(made), writer, vouch)
        yield from entries_of_tables(table_reader(other, f"{path} ", left), writer.refuse)


def table_reader(connection: Connection, prefix: str = "", left: Mapping[str, str] | None = None) -> TableReader:
    """Reads a table's rows, each named ``prefix table key``.

    Args:
        left: by table, the condition for those that are wanted, in SQL.
    """
    wanted = left or {}

    def read(kind: type[Record]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        columns = [*(["id"] if kind.key == "id" else []), *kind.column_names()]
        names = ", ".join(f'"{name}"' for name in columns)
        asked = f"SELECT {names} FROM {connection.catalog}{kind.table}"
        size = rows_at_once(connection, f"({asked})", f"The table `{kind.table}` of the database {connection.path}")
        where = f" WHERE {wanted[kind.table]}" if kind.table in wanted else ""
        for batch in connection.batches(asked + where, size):
            for values in batch:
                row = dict(zip(columns, values, strict=True))
                yield f"{prefix}{kind.table} {str(row[kind.key])[:12]}…", row

    return read


def _taken(other: Connection, scratch: Path, writer: Writer, vouch: Vouch) -> dict[str, str]:
    """Take in by columns what is surely sound; by table, the condition for rows that are left, in SQL of `other`."""
    read = table_reader(other)
    named = NamedRecords(sound_records(DatasetRecord, read), sound_records(RecipeRecord, read))
    folder, ours = scratch / "theirs", scratch / "ours"
    folder.mkdir()
    ours.mkdir()
    identity = f"sha256(concat_ws('/', {', '.join(ExperimentRecord.identified_by)}))"
    copied: tuple[tuple[type[Record], Sequence[str], str], ...] = (
        (ExperimentRecord, ExperimentRecord.column_names(), f"WHERE id = {identity}"),
        (ArchitectureRecord, ArchitectureRecord.column_names(), ""),
        (PredictionRecord, ("architecture",), ""),  # whose networks are read again
    )
    reader = in_memory()
    try:
        reader.script("SET memory_limit = '1GiB'; SET temp_directory = ''")
        for kind, columns, where in copied:
            names = ", ".join(f'"{name}"' for name in columns)
            rows = f"SELECT {names} FROM {other.catalog}{kind.table} {where}"
            other.run(f"COPY ({rows}) TO '{quoted(folder)}/{kind.table}.parquet' (FORMAT parquet)")
        if not take_by_columns(reader, folder, ours, named, writer, vouch):
            return {}
        rows, networks = (source(reader, folder / f"{one}.parquet", one) for one in ("experiments", "architectures"))
        ids, hashes = (f"'{quoted(scratch)}/{name}.parquet'" for name in ("ids", "hashes"))
        taken = "row_number IN (SELECT row_number FROM taken_rows)"
        reader.run(f"COPY (SELECT {identity} AS id FROM {rows} WHERE {taken}) TO {ids} (FORMAT parquet)")
        taken = "row_number IN (SELECT row_number FROM taken_networks) AND hash NOT IN (SELECT hash FROM asked)"
        reader.run(f"COPY (SELECT hash FROM {networks} WHERE {taken}) TO {hashes} (FORMAT parquet)")
    except InvalidDatabase:  # what is wrong is said where it is read row by row
        return {}
    finally:
        reader.close()
    return {
        "experiments": f"id IS DISTINCT FROM {identity} OR id NOT IN (SELECT id FROM read_parquet({ids}))",
        "architectures": f"hash IS NULL OR hash NOT IN (SELECT hash FROM read_parquet({hashes}))",
    }
