"""Rows as a data frame: pandas where it is installed, else DuckDB, which hands them to whatever reads Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import duckdb

__all__ = ["frame"]

_TYPES = ((bool, "BOOLEAN"), (int, "BIGINT"), (float, "DOUBLE"), (str, "VARCHAR"))


def frame(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows of plain values (numbers, texts, None) under the same names each.

    Returns:
        A `pandas.DataFrame` where pandas is installed. Else a `duckdb.DuckDBPyRelation`: it prints as a table, answers
        ``frame.query("frame", "SELECT …")``, and ``polars.DataFrame(frame)`` or ``pyarrow.table(frame)`` take it.
    """
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    if find_spec("pandas") is not None:
        return import_module("pandas").DataFrame(plain)
    names = list(plain[0]) if plain else []
    types = {name: _type([row[name] for row in plain]) for name in names}
    fields = ", ".join(f"{_identifier(name)} {kind}" for name, kind in types.items())
    connection = duckdb.connect(":memory:")
    if not names:
        return connection.sql("SELECT NULL AS nothing WHERE false")
    connection.execute(f"CREATE TABLE frame ({fields})")
    places = ", ".join("?" for _ in names)
    connection.executemany(f"INSERT INTO frame VALUES ({places})", [list(row.values()) for row in plain])
    return connection.table("frame")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: Any) -> Any:
    """Notes, which are several texts, as one."""
    return "; ".join(value) if isinstance(value, tuple) else value


def _type(values: Sequence[Any]) -> str:
    """DuckDB's type of a column; of one without values, numbers."""
    found = [kind for of, kind in _TYPES if any(type(value) is of for value in values)]
    if not found:
        return "DOUBLE"
    return "DOUBLE" if set(found) == {"BIGINT", "DOUBLE"} else found[-1]
