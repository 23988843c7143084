"""Rows as a data frame: pandas where it is installed, else DuckDB, which hands them to whatever reads Arrow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import duckdb

__all__ = ["frame"]

_TYPES = ((bool, "BOOLEAN"), (int, "BIGINT"), (float, "DOUBLE"), (str, "VARCHAR"), (datetime, "TIMESTAMPTZ"))


def frame(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Any:
    """Rows of plain values (numbers, texts, times, lists of numbers, None) under the names of their columns.

    Returns:
        A `pandas.DataFrame` where pandas is installed. Else a `duckdb.DuckDBPyRelation`: it prints as a table, answers
        ``frame.query("frame", "SELECT …")``, and ``polars.DataFrame(frame)`` or ``pyarrow.table(frame)`` take it.
    """
    plain = [tuple(map(_plain, row)) for row in rows]
    if find_spec("pandas") is not None:
        return import_module("pandas").DataFrame(plain, columns=list(columns))
    connection = duckdb.connect(":memory:")
    fields = [f"{_identifier(name)} {_type([row[at] for row in plain])}" for at, name in enumerate(_unique(columns))]
    connection.execute(f"CREATE TABLE frame ({', '.join(fields)})")
    if plain:
        connection.executemany(f"INSERT INTO frame VALUES ({', '.join('?' for _ in fields)})", plain)
    return connection.table("frame")


def _unique(columns: Sequence[str]) -> list[str]:
    """The names, those of a second column of one name with a number."""
    seen: Counter[str] = Counter()
    found = []
    for name in columns:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return found


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: Any) -> Any:
    """Notes, which are several texts, as one; what is none of the plain values as text."""
    if isinstance(value, tuple):
        return "; ".join(value)
    if value is None or isinstance(value, list) or any(isinstance(value, of) for of, _ in _TYPES):
        return value
    return str(value)


def _type(values: Sequence[Any]) -> str:
    """DuckDB's type of a column; of one without values, numbers."""
    if any(isinstance(value, list) for value in values):
        of = _type([one for value in values if isinstance(value, list) for one in value])
        return f"{of}[]"
    found = [kind for of, kind in _TYPES if any(type(value) is of for value in values)]
    if not found:
        return "DOUBLE"
    return "DOUBLE" if set(found) == {"BIGINT", "DOUBLE"} else found[-1]
