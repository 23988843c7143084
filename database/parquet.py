"""Export and import as a folder of Parquet files, one for each table that holds experience."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from presage.database.bounds import rows_at_once
from presage.database.by_columns import LEFT, NamedRecords, take_by_columns
from presage.database.claims import Vouch
from presage.database.connection import Connection, matched, quoted
from presage.database.migrate import check_known, in_memory, latest
from presage.database.tables import RECORDS, entries_of_tables, is_named, sound_records
from presage.database.write import Placed, Writer
from presage.errors import InvalidArgument, InvalidDatabase, StorageFull
from presage.files import disk_is_full, writing_beside
from presage.records.dataset import DatasetRecord
from presage.records.recipe import RecipeRecord
from presage.records.record import Record

__all__ = ["FILES", "copy_parquet", "read_parquet", "write_parquet"]

FILES = tuple(RECORDS)
"""Tables that are exported, each as ``<table>.parquet``."""

_KEY = "presage_schema"  # in the files' own metadata


def write_parquet(connection: Connection, folder: Path, tables: Collection[str] = FILES) -> None:
    """Write tables to ``folder/<table>.parquet``, rows ordered by content: equal content, equal files.

    Files appear whole or not at all. The `id`, which follows from the identity, is left out.

    Raises:
        StorageFull: the disk is full.
        InvalidArgument: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as scratch, writing_beside(Path(scratch)):
            for table in tables:
                kind = RECORDS[table]
                names = ", ".join(f'"{name}"' for name in kind.column_names())
                # Sorted, so that like rows lie together and compress; a high zstd level, for files are read more.
                connection.run(
                    f"COPY (SELECT {names} FROM {table} ORDER BY {', '.join(kind.identified_by)}) "
                    f"TO '{quoted(scratch)}/{table}.parquet' (FORMAT parquet, "
                    f"COMPRESSION zstd, COMPRESSION_LEVEL 15, PARQUET_VERSION v2, KV_METADATA {{{_KEY}: '{latest()}'}})"
                )
            for table in tables:
                (Path(scratch) / f"{table}.parquet").replace(folder / f"{table}.parquet")
    except StorageFull as error:  # DuckDB's own word, of the connection's file
        raise _full(folder) from error
    except OSError as error:
        if disk_is_full(error):
            raise _full(folder) from error
        raise InvalidArgument("folder", "export_parquet", "be a folder that can be written", str(folder)) from error


def read_parquet(folder: Path, writer: Writer, vouch: Vouch | None = None) -> Iterator[Placed]:
    """Entries of an exported folder. A row that breaks a rule is refused as ``file row n``, the rest goes on.

    Args:
        vouch: for what experiments claim: those that are surely sound then enter by columns before any other
            (`presage.database.by_columns`), and are not among the entries.

    Raises:
        InvalidArgument: no such folder, none of the files is in it, or one that another refers to is not.
        InvalidDatabase: a file that is not Parquet, lacks a column, or was written by a newer presage.
    """
    if not any((folder / f"{table}.parquet").is_file() for table in FILES):
        raise InvalidArgument("folder", "import_parquet", "hold files such as experiments.parquet", str(folder))
    for table, kind in RECORDS.items():
        absent = [other.table for other in kind.references if not (folder / f"{other.table}.parquet").is_file()]
        if absent and (folder / f"{table}.parquet").is_file():
            rule = f"hold {absent[0]}.parquet, which {table}.parquet refers to"
            raise InvalidArgument("folder", "import_parquet", rule, str(folder), f"{absent[0]}.parquet is missing.")
    reader = in_memory()
    reader.script("SET memory_limit = '1GiB'; SET temp_directory = ''")  # rows are read some thousands at a time
    left: Mapping[str, str] = {}

    def read(kind: type[Record]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        file = folder / f"{kind.table}.parquet"
        return _rows(reader, kind, file, left.get(kind.table, "")) if file.is_file() else iter(())

    try:
        if vouch is not None and (folder / "experiments.parquet").is_file():
            named = NamedRecords(sound_records(DatasetRecord, read), sound_records(RecipeRecord, read))
            with tempfile.TemporaryDirectory(prefix="presage-import-") as scratch, writing_beside(Path(scratch)):
                if take_by_columns(reader, folder, Path(scratch), named, writer, vouch):
                    left = LEFT
        yield from entries_of_tables(read, writer.refuse)
    finally:
        reader.close()


def copy_parquet(connection: Connection, folder: Path) -> dict[str, int]:
    """Rows of an exported folder straight into an empty database, by table; unchecked, for what is known to be sound.

    Raises:
        InvalidDatabase: a file that is not Parquet, or lacks a column.
    """
    counts = {}
    for table, kind in RECORDS.items():
        file = folder / f"{table}.parquet"
        if not file.is_file():
            continue
        identity = f"sha256(concat_ws('/', {', '.join(kind.identified_by)})), " if kind.key == "id" else ""
        try:
            names = ", ".join(f'"{name}"' for name in _columns_of(file, kind, connection))
            columns = f"id, {names}" if identity else names
            connection.run(f"INSERT INTO {table} ({columns}) SELECT {identity}{names} FROM '{matched(file)}'")
        except duckdb.Error as error:
            raise InvalidDatabase(f"The file {file} cannot be read: {' '.join(str(error).split())[:200]}") from error
        counts[table] = int(connection.rows(f"SELECT count(*) FROM {table}")[0][0])
    return counts


def _rows(
    reader: Connection, kind: type[Record], file: Path, left: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rows by where they stand; `left` is the condition for those that are wanted, in SQL."""
    source = f"'{matched(file)}'"
    try:
        found = reader.rows(f"SELECT decode(value) FROM parquet_kv_metadata({source}) WHERE decode(key) = '{_KEY}'")
        if found:
            _check_version(found[0][0], file)
        columns = _columns_of(file, kind, reader)
        names = ", ".join(f'"{name}"' for name in columns)
        asked = f"SELECT {names} FROM read_parquet({source})"
        size = rows_at_once(reader, f"({asked})", f"The file {file}", kept=is_named(kind.table))
        if left:
            numbered = (
                f"(SELECT {names}, file_row_number + 1 AS row_number "
                f"FROM read_parquet({source}, file_row_number = true))"
            )
            asked = f"SELECT row_number, {names} FROM {numbered} WHERE {left} ORDER BY row_number"
        else:
            asked = f"SELECT 0, {names} FROM read_parquet({source})"
        number = 0
        for batch in reader.batches(asked, size):
            for row, *values in batch:
                number = row or number + 1
                yield f"{file} row {number}", dict(zip(columns, values, strict=True))
    except (InvalidDatabase, duckdb.Error) as error:
        if isinstance(error, InvalidDatabase) and str(file) in str(error):
            raise
        raise InvalidDatabase(f"The file {file} is no Parquet file that can be read.") from error


def _check_version(told: str, file: Path) -> None:
    if not re.fullmatch("[0-9]{1,9}", told):
        raise InvalidDatabase(f"The file {file} is damaged: its schema version is no number.")
    check_known(f"The file {file}", int(told))


def _columns_of(file: Path, kind: type[Record], reader: Connection) -> list[str]:
    """The columns to read: all of the record's, but for those that are younger than the file."""
    present = {name for (name,) in reader.rows(f"SELECT name FROM parquet_schema('{matched(file)}')")}
    absent = [name for name in kind.column_names() if name not in present and name not in kind.later]
    if absent:
        raise InvalidDatabase(f"The file {file} lacks the column `{absent[0]}`.")
    return [name for name in kind.column_names() if name in present]


def _full(folder: Path) -> StorageFull:
    return StorageFull(f"The disk filled up while writing {folder}. Free some space and repeat.")
