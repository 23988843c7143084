"""Columns of numbers and text as Parquet files, written whole or not at all, and read as what they are said to be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from presage.database.connection import matched, quoted
from presage.database.failures import raise_translated
from presage.errors import InvalidDatabase
from presage.files import replacing
from presage.reading import check_plain

__all__ = ["ArrayWriter", "read_arrays", "write_arrays"]

Array = npt.NDArray[Any]
MOST_BYTES = 256 << 20
"""Of one such file: it is read whole."""


class ArrayWriter:
    """Writes such files, one after the other: to open DuckDB takes three times as long as to write a thousand rows."""

    def __init__(self) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = None

    def write(self, path: Path, columns: Mapping[str, Array]) -> None:
        """Write columns of equal length n: (n,) numbers, or (n,) objects that are text. NaN is written as NULL.

        Raises:
            StorageFull, StorageFailed: the disk is full, or fails; nothing is at `path` that was not there before.
        """
        with replacing(path) as draft:
            try:
                if self._connection is None:
                    self._connection = duckdb.connect(config={"threads": 1})
                self._connection.register("arrays", dict(columns))
                how = "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2"
                self._connection.execute(f"COPY arrays TO '{quoted(draft)}' ({how})")
                self._connection.unregister("arrays")
            except duckdb.Error as error:
                self.close()
                raise_translated(error, path)

    def close(self) -> None:
        """Let go of what it holds; another file may be written all the same."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def write_arrays(path: Path, columns: Mapping[str, Array]) -> None:
    """Write one file, as `ArrayWriter.write` does."""
    writer = ArrayWriter()
    try:
        writer.write(path, columns)
    finally:
        writer.close()


def read_arrays(path: Path) -> dict[str, Array]:
    """What `write_arrays` wrote, in its order: columns of numbers, or of text; others' files are refused.

    Raises:
        InvalidDatabase: the file is no Parquet file of such columns, or lacks a value.
    """
    check_plain(path, MOST_BYTES)
    try:
        with duckdb.connect(config={"threads": 1, "memory_limit": "1GiB", "temp_directory": ""}) as connection:
            found: dict[str, Any] = connection.execute(f"SELECT * FROM read_parquet('{matched(path)}')").fetchnumpy()
    except duckdb.Error as error:
        raise InvalidDatabase(f"The file {path} is no Parquet file that can be read.") from error
    arrays: dict[str, Array] = {}
    for name, column in found.items():
        is_number = column.dtype.kind in "uif" and (column.dtype.kind == "f" or not np.ma.is_masked(column))
        array: Array = np.ma.filled(column, np.nan) if np.ma.is_masked(column) and is_number else np.asarray(column)
        if not is_number and not all(isinstance(value, str) for value in array.tolist()):
            raise InvalidDatabase(f"The file {path} is damaged: its column `{name}` holds something else.")
        arrays[name] = array
    return arrays
