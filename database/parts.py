"""Parts of a shared folder: Parquet files that hold experience together with all that it refers to, named by content.

A part has a column for the record (`experiment`, `probe` or `prediction`) and one for each that it names (`dataset`,
`architecture`, `recipe`), each a struct of that table's columns. So a part can be read without any other, and asked:
``SELECT dataset.name, max(experiment.accuracy) FROM 'experiments-*.parquet' GROUP BY 1``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from presage.database.bounds import rows_at_once
from presage.database.connection import Connection, matched, quoted
from presage.database.migrate import in_memory
from presage.database.tables import Refuse, entries_of_tables
from presage.database.write import Placed
from presage.errors import InvalidDatabase
from presage.records.entries import ENTRIES
from presage.records.record import Record

__all__ = ["MOST_BYTES", "digest_of", "is_part", "read_part", "write_parts"]

MOST_BYTES = 1 << 30
"""Of one part that is taken in."""
_ROWS = 100_000
"""Of one part that is written."""
_KINDS: dict[str, type[Record]] = {entry.of.table: entry.of for entry in ENTRIES.values()}
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


def read_part(path: Path, where: str, refuse: Refuse) -> Iterator[Placed]:
    """Entries of a part, which is somebody else's: every row is checked, and one that breaks a rule is refused.

    Raises:
        InvalidDatabase: no Parquet file, without one of the columns, or with more rows than are taken in.
    """
    table = Path(where).name.partition("-")[0]
    reader = in_memory()
    reader.script("SET memory_limit = '1GiB'; SET temp_directory = ''")
    source = f"read_parquet('{matched(path)}')"
    own = _KINDS[table]

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
        for batch in reader.batches(asked, size):
            for (values,) in batch:
                number += 1
                place = f"{where} {kind.row} {number}"
                if isinstance(values, dict) and all(isinstance(name, str) for name in values):
                    yield place, values
                else:
                    refuse(place, f"The column `{kind.row}` must hold a row of the table `{kind.table}`.")

    try:
        yield from entries_of_tables(read, refuse)
    except (InvalidDatabase, duckdb.Error) as error:
        line = " ".join(str(error).split())[:200]
        raise InvalidDatabase(f"The part {where} cannot be read: {line}") from error
    finally:
        reader.close()
