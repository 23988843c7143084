"""Tables that people keep, CSV and Parquet files, as rows that know where they stand; what they mean, others know."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from presage.database.connection import matched
from presage.errors import InvalidArgument, shown
from presage.reading import check_plain

__all__ = ["TABLE_FILES", "TableFile", "TableRow", "read_table_file"]

TABLE_FILES = frozenset({".csv", ".tsv", ".parquet"})
"""Ends of the names of files that are tables."""

MOST_BYTES = 256 << 20
"""Of such a file: it is read whole."""

_OWNER = "presage"


@dataclass(frozen=True)
class TableRow:
    """One row: where it stands (``file:line``, or ``file row n``), its cells, and what is wrong with it as a row.

    Empty cells are None. Cells of a CSV file are text; those of a Parquet file are what it holds.
    """

    where: str
    cells: dict[str, Any]
    problem: str = ""


@dataclass(frozen=True)
class TableFile:
    """A table: the names of its columns, and its rows in order."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]


def read_table_file(path: Path) -> TableFile:
    """A CSV file (UTF-8, the first row names the columns; ``,``, ``;`` or tabs between cells) or a Parquet file.

    Raises:
        InvalidArgument: no such file, not of that kind, without rows, or with a column twice.
    """
    if not path.is_file():
        raise InvalidArgument("FILE", _OWNER, "be an existing file", str(path))
    if path.suffix.lower() not in TABLE_FILES:
        raise InvalidArgument("FILE", _OWNER, f"end in {', '.join(sorted(TABLE_FILES))}", str(path))
    check_plain(path, MOST_BYTES)
    table = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    twice = [name for name in table.columns if table.columns.count(name) > 1]
    if twice:
        raise InvalidArgument("FILE", _OWNER, f"name each column once ({shown(twice[0])} is there twice)", str(path))
    if not table.rows:
        raise InvalidArgument("FILE", _OWNER, "hold at least one row below the names of its columns", str(path))
    return table


def _csv(path: Path) -> TableFile:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file, _long_cells():
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=_delimiter(path, first), strict=True)
            names = tuple(name.strip() for name in next(reader, ()))
            return TableFile(path, names, tuple(_csv_rows(path, names, reader)))
    except UnicodeDecodeError:
        raise InvalidArgument("FILE", _OWNER, "be text in UTF-8", str(path)) from None
    except csv.Error as error:
        raise InvalidArgument("FILE", _OWNER, "be a CSV file", str(path), f"{str(error).capitalize()}.") from None


def _csv_rows(path: Path, names: tuple[str, ...], reader: Any) -> Iterator[TableRow]:
    before = reader.line_num
    for cells in reader:
        where, before = f"{path}:{before + 1}", reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        problem = ""
        if len(cells) != len(names):
            problem = f"The row must have {len(names)} cells, as the first has names. Got {len(cells)}."
        yield TableRow(where, {name: _cell(cell) for name, cell in zip(names, cells, strict=False)}, problem)


def _cell(text: str) -> str | None:
    return text.strip() or None


def _delimiter(path: Path, first: str) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    return max(",;\t", key=first.count)


@contextmanager
def _long_cells() -> Iterator[None]:
    """The JSON of a large network is longer than Python lets a cell be."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _parquet(path: Path) -> TableFile:
    try:
        with duckdb.connect(config={"memory_limit": "1GiB", "temp_directory": ""}) as raw:
            found = raw.execute(f"SELECT * FROM read_parquet('{matched(path)}')")
            names = tuple(str(column[0]) for column in found.description or ())
            cells = found.fetchall()
    except duckdb.Error as error:
        line = " ".join(str(error).split())[:160]
        raise InvalidArgument("FILE", _OWNER, "be a Parquet file", str(path), line) from None
    rows = (dict(zip(names, values, strict=True)) for values in cells)
    return TableFile(path, names, tuple(TableRow(f"{path} row {n}", row) for n, row in enumerate(rows, start=1)))
