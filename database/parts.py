"""Parts of a shared folder: Parquet files that hold experience together with all that it refers to, named by content.

A part has a column for the record (`experiment`, `probe` or `prediction`) and one for each that it names (`dataset`,
`architecture`, `recipe`), each a struct of that table's columns. So a part can be read without any other, and asked:
``SELECT dataset.name, max(experiment.accuracy) FROM 'experiments-*.parquet' GROUP BY 1``.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from presage.database.bounds import rows_at_once
from presage.database.by_columns import NamedRecords
from presage.database.connection import Connection, matched, quoted
from presage.database.migrate import in_memory
from presage.database.tables import Refuse, TableReader, entries_of_tables, sound_records
from presage.database.write import Placed
from presage.errors import InvalidDatabase
from presage.files import writing_beside
from presage.records.architecture import ArchitectureRecord
from presage.records.dataset import DatasetRecord
from presage.records.entries import ENTRIES
from presage.records.experiment import ExperimentRecord
from presage.records.recipe import RecipeRecord
from presage.records.record import Record

__all__ = ["MOST_BYTES", "TakeColumns", "digest_of", "is_part", "read_part", "write_parts"]

MOST_BYTES = 1 << 30
"""Of one part that is taken in."""
_ROWS = 100_000
"""Of one part that is written."""
_KINDS: dict[str, type[Record]] = {entry.of.table: entry.of for entry in ENTRIES.values()}
_LEFT = {
    "experiments": "number NOT IN (SELECT row_number FROM taken_rows)",
    "architectures": '"architecture" IS NULL OR "architecture".hash NOT IN (SELECT hash FROM taken_hashes)',
}
"""By table, the condition for rows that are left to be read row by row (`presage.database.by_columns`)."""
TakeColumns = Callable[[Connection, Path, NamedRecords], bool]
"""Takes in what is surely sound of a folder of tables, which a database in memory reads; whether something was."""
_NAME = re.compile(rf"(?P<table>{'|'.join(_KINDS)})-(?P<digest>[0-9a-f]{{64}})\.parquet")


def is_part(name: str) -> bool:
    """Whether a file is called as parts are."""
    return _NAME.fullmatch(name) is not None


def digest_of(name: str) -> str:
    """SHA-256 that the content of a part of this name has."""
    found = _NAME.fullmatch(name)
    assert found is not None  # `is_part`
    return found["digest"]


def write_parts(
    connection: Connection, folder: Path, missing: Mapping[str, Iterable[str]]
) -> Iterator[tuple[Path, list[str]]]:
    """Write rows of each table, by their ids, as parts into a folder; of at most 100,000 rows each, given too.

    Rows are ordered by id, so that equal rows are equal parts.
    """
    for table, wanted in missing.items():
        ordered = sorted(wanted)
        for start in range(0, len(ordered), _ROWS):
            draft = folder / f"{table}.draft"
            ids = ordered[start : start + _ROWS]
            _write(connection, _KINDS[table], ids, draft)
            with draft.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            yield draft.rename(folder / f"{table}-{digest}.parquet"), ids


def _write(connection: Connection, kind: type[Record], ids: list[str], path: Path) -> None:
    columns = [_struct(kind, "r"), *(_struct(other, other.row) for other in kind.references)]
    joins = [f"JOIN {o.table} {o.row} ON {o.row}.{o.key} = r.{o.row}" for o in kind.references]
    connection.run("CREATE OR REPLACE TEMP TABLE wanted AS SELECT unnest(?::VARCHAR[]) AS id", [ids])
    try:
        connection.run(
            f"COPY (SELECT {', '.join(columns)} FROM {kind.table} r {' '.join(joins)} "
            f"WHERE r.id IN (SELECT id FROM wanted) ORDER BY r.id) TO '{quoted(path)}' "
            "(FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)"
        )
    finally:
        connection.run("DROP TABLE temp.wanted")


def _struct(kind: type[Record], alias: str) -> str:
    fields = ", ".join(f'"{name}" := {alias}."{name}"' for name in kind.column_names())
    return f'struct_pack({fields}) AS "{kind.row}"'


def read_part(path: Path, where: str, refuse: Refuse, take: TakeColumns | None = None) -> Iterator[Placed]:
    """Entries of a part, which is somebody else's: every row is checked, and one that breaks a rule is refused.

    Args:
        path: the file.
        where: its name.
        refuse: told of each row that is.
        take: takes in those experiments that are surely sound, before any other; they are not among the entries.

    Raises:
        InvalidDatabase: no Parquet file, without one of the columns, or with more rows than are taken in.
    """
    table = Path(where).name.partition("-")[0]
    reader = in_memory()
    reader.script("SET memory_limit = '1GiB'; SET temp_directory = ''")
    source = f"read_parquet('{matched(path)}')"
    own = _KINDS[table]
    taken = False

    def read(kind: type[Record]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        if kind is not own and kind not in own.references:
            return
        distinct = "" if kind is own else "DISTINCT "
        ((_, held, *_),) = reader.rows(f'DESCRIBE SELECT "{kind.row}" FROM {source}')
        if not held.startswith("STRUCT"):
            raise InvalidDatabase(f"The column `{kind.row}` must hold a row of the table `{kind.table}`.")
        number, asked = 0, f'SELECT {distinct}"{kind.row}" FROM {source}'
        size = rows_at_once(
            reader, f'(SELECT unnest("{kind.row}") FROM ({asked}))', f"Its `{kind.row}`", kept=kind is not own
        )
        if taken and kind.table in _LEFT:
            numbered = f"SELECT row_number() OVER () AS number, * FROM ({asked})"
            asked = f'SELECT number, "{kind.row}" FROM ({numbered}) WHERE {_LEFT[kind.table]} ORDER BY number'
        else:
            asked = f"SELECT 0, * FROM ({asked})"
        for batch in reader.batches(asked, size):
            for numbered_as, values in batch:
                number = numbered_as or number + 1
                place = f"{where} {kind.row} {number}"
                if isinstance(values, dict) and all(isinstance(name, str) for name in values):
                    yield place, values
                else:
                    refuse(place, f"The column `{kind.row}` must hold a row of the table `{kind.table}`.")

    try:
        if take is not None and own is ExperimentRecord:
            with tempfile.TemporaryDirectory(prefix="presage-sync-") as scratch, writing_beside(Path(scratch)):
                taken = _taken(reader, source, Path(scratch), read, take)
        yield from entries_of_tables(read, refuse)
    except (InvalidDatabase, duckdb.Error) as error:
        line = " ".join(str(error).split())[:200]
        raise InvalidDatabase(f"The part {where} cannot be read: {line}") from error
    finally:
        reader.close()


def _taken(reader: Connection, source: str, scratch: Path, read: TableReader, take: TakeColumns) -> bool:
    """Lay a part out as a folder of tables, and let what is surely sound of it be taken in; whether something was."""
    named = NamedRecords(sound_records(DatasetRecord, read), sound_records(RecipeRecord, read))
    try:
        for kind, distinct in ((ExperimentRecord, ""), (ArchitectureRecord, "DISTINCT ")):
            rows = f'(SELECT unnest("{kind.row}") FROM (SELECT {distinct}"{kind.row}" FROM {source}))'
            if {name for name, *_ in reader.rows(f"DESCRIBE FROM {rows}")} - set(kind.column_names()):
                return False  # a record has no such field
            rows_at_once(reader, rows, f"Its `{kind.row}`", kept=True)
            reader.run(f"COPY {rows} TO '{quoted(scratch)}/{kind.table}.parquet' (FORMAT parquet)")
    except (InvalidDatabase, duckdb.Error):  # said where the part is read row by row
        return False
    if not take(reader, scratch, named):
        return False
    file = f"read_parquet('{quoted(scratch)}/architectures.parquet', file_row_number = true)"
    reader.run(
        f"CREATE TABLE taken_hashes AS SELECT hash FROM {file} "
        "WHERE file_row_number + 1 IN (SELECT row_number FROM taken_networks) AND hash NOT IN (SELECT hash FROM asked)"
    )
    return True
