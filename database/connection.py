"""A connection to one database file: bounded wait for it, transactions, and DuckDB's errors as one clear line each.

DuckDB lets one process write, and while it does no other may even read. So one process owns the file: keep a
connection open only while it is used, and have workers hand their results back (as shards) to the one who writes.
Nor may that process read or copy the file by other means meanwhile: on closing it, POSIX drops DuckDB's lock.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn
from weakref import WeakSet

import duckdb
import numpy as np
import numpy.typing as npt

from presage.database.failures import DAMAGE, FOREIGN, LOCKED, MAKEABLE, OTHERWISE, raise_translated
from presage.errors import InvalidArgument, InvalidDatabase

__all__ = ["Connection", "OnWait", "check_makeable", "interrupt_all", "is_written", "matched", "quoted"]

_TOLD_AFTER = 1.0  # seconds
_HEADER_BYTES = 12_288
_NO_EXTENSIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}  # all are compiled in
_FOREIGN_NAME = "foreign_file"
_FOREIGN_MEMORY = "1GiB"
_OPEN: Counter[str | None] = Counter()  # connections of this process by file, as DuckDB counts them too
_LIVE: WeakSet[Connection] = WeakSet()
_WRITING: Counter[str | None] = Counter()  # those of them that may write

OnWait = Callable[[], None]


class Connection:
    """An open database file.

    Args:
        path: the file; made when absent, unless `read_only`.
        wait_seconds: how long to wait while another process holds it.
        read_only: several processes may read at once while none writes.
        waiting: called once where another process holds it for more than a second.
        as_data: the file is somebody else's. It is attached, for reading alone, to a database in memory that knows
            neither other files nor extensions and has little memory, and its tables are named with `catalog` before
            them, so that none of its views and macros stands for a table or a function of ours.

    Attributes:
        catalog: "", or what stands before the names of the file's tables: ``foreign_file.main.``.

    Raises:
        DatabaseBusy: another process holds the file after `wait_seconds`; names it.
        InvalidDatabase: the file is not DuckDB, is damaged, or was written by a newer DuckDB.
        InvalidArgument: its folder does not exist, no file can be made in it, or there is no file to read.
        StorageFull: the disk is full.
    """

    def __init__(
        self,
        path: Path,
        wait_seconds: float = 10.0,
        read_only: bool = False,
        *,
        as_data: bool = False,
        scratch: Path | None = None,
        waiting: OnWait | None = None,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self.catalog = f"{_FOREIGN_NAME}.main." if as_data else ""
        _check_path(path, read_only or as_data)
        key: str | None = str(path.absolute())
        # Blocks in flight, of another connection or out of the log, may not be in the file yet.
        settled = str(path) != ":memory:" and not _OPEN[key] and not path.with_name(f"{path.name}.wal").exists()
        opened = (lambda: _attached(path, scratch)) if as_data else (lambda: _connected(path, read_only))
        self._raw = _waited_for(opened, path, wait_seconds, waiting, LOCKED if read_only else (*LOCKED, OTHERWISE))
        if not as_data:
            self._check_kind()
        self._key = key
        _LIVE.add(self)
        _OPEN[key] += 1
        _WRITING[key] += not (read_only or as_data)
        if settled:
            self._check_whole()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, as tuples."""
        with self._translated():
            return self._raw.execute(sql, list(parameters)).fetchall()

    def select(self, sql: str, parameters: Sequence[object] = ()) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Names of the columns, and all rows, of one SELECT of a user's own.

        Raises:
            InvalidArgument: it is none, changes something, or names what is not there.
        """
        try:
            statements = self._raw.extract_statements(sql)
        except duckdb.ParserException as error:
            raise _no_query("be one SELECT that DuckDB reads", error) from None
        if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
            raise InvalidArgument("query", "Database.sql", "be one SELECT", sql)
        try:
            with self._translated():
                found = self._raw.execute(statements[0], list(parameters))
                return tuple(column[0] for column in found.description or ()), found.fetchall()
        except InvalidDatabase as error:
            if isinstance(error.__cause__, DAMAGE) or error.__cause__ is None:
                raise
            raise _no_query("be one that can be answered", error.__cause__) from None

    def batches(self, sql: str, size: int = 5_000) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query in batches, by a cursor of its own, so that others may run meanwhile."""
        with self._translated():
            cursor = self._raw.cursor()
            cursor.execute(sql)
            while batch := cursor.fetchmany(size):
                yield batch

    def columns(self, sql: str, parameters: Sequence[object] = ()) -> dict[str, npt.NDArray[Any]]:
        """A query's result by column, (n,) each; a null is NaN in a float column."""
        with self._translated():
            found = self._raw.execute(sql, list(parameters)).fetchnumpy()
        return {name: _filled(column) for name, column in found.items()}

    def run(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Execute to the end, for its effect."""
        self.rows(sql, parameters)

    def script(self, sql: str) -> None:
        """Execute several statements."""
        with self._translated():
            self._raw.execute(sql)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing, whatever happens in between."""
        if self.read_only:
            raise InvalidArgument("read_only", "Database.open", "be False for a database that is written to", True)
        self.run("BEGIN TRANSACTION")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self.rollback()
            raise

    def rollback(self) -> None:
        """Take back what the open transaction did; nothing where an error has done so already."""
        with contextlib.suppress(duckdb.Error):
            self._raw.execute("ROLLBACK")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """DuckDB's errors in presage's words; an interrupted query, by whoever heard the signal, as what it is."""
        try:
            yield
        except duckdb.InterruptException:
            raise KeyboardInterrupt from None
        except duckdb.Error as error:
            self._raise(error)
        except RuntimeError as error:
            if "interrupted" in str(error).lower():
                raise KeyboardInterrupt from None
            raise

    def _raise(self, error: duckdb.Error) -> NoReturn:
        if self.catalog and not isinstance(error, DAMAGE):
            line = " ".join(str(error).split())[:300]
            raise InvalidDatabase(f"The database {self.path} cannot be read as data: {line}") from error
        raise_translated(error, self.path)

    def _check_kind(self) -> None:
        """DuckDB opens JSON, CSV and Parquet too, as a database in memory, which would be lost on closing."""
        if str(self.path) != ":memory:" and not self.rows("SELECT 1 FROM duckdb_databases() WHERE path IS NOT NULL"):
            self._raw.close()
            raise InvalidDatabase(FOREIGN.format(path=self.path))

    def _check_whole(self) -> None:
        """DuckDB cuts free blocks off the end of a file; whatever else is missing there has been lost.

        DuckDB itself reads lazily and would find out only later, having written beyond the gap. The file's size is
        asked for without opening it: closing it again would drop the process's lock on it (as POSIX has it).
        """
        named = f"= '{_FOREIGN_NAME}'" if self.catalog else "= current_database()"
        total, free, block_bytes = self.rows(
            f"SELECT total_blocks, free_blocks, block_size FROM pragma_database_size() WHERE database_name {named}"
        )[0]
        missing = _HEADER_BYTES + (total - free) * block_bytes - self.path.stat().st_size
        if total and missing > 0:
            self.close()
            raise InvalidDatabase(
                f"The database {self.path} is damaged or truncated: at least {missing} bytes are missing at its end."
            )

    def interrupt(self) -> None:
        """End the query that runs now, from another thread."""
        if self._key is not None:
            self._raw.interrupt()

    def close(self) -> None:
        """Let go of the file. What was committed stays, even where the disk is too full to tidy up now."""
        if self._key is None:
            return
        _OPEN[self._key] -= 1
        _WRITING[self._key] -= not (self.read_only or self.catalog)
        self._key = None
        with contextlib.suppress(duckdb.Error):
            self._raw.close()


def _no_query(rule: str, error: BaseException) -> InvalidArgument:
    return InvalidArgument("query", "Database.sql", rule, " ".join(str(error).split())[:300])


def quoted(path: Path | str) -> str:
    """A path as it stands within a literal of SQL."""
    return str(path).replace("'", "''")


def matched(path: Path | str) -> str:
    """The same where DuckDB would take ``*``, ``?`` and ``[`` for patterns: `ex[1]` is no other name of `ex1`."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in quoted(path))


def interrupt_all() -> None:
    """End the queries that this process runs now, from another thread: they raise KeyboardInterrupt."""
    for connection in tuple(_LIVE):
        connection.interrupt()


def is_written(path: Path) -> bool:
    """Whether this process has the file open for writing."""
    return _WRITING[str(path.absolute())] > 0


def _connected(path: Path, read_only: bool) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(path), read_only=read_only, config=_NO_EXTENSIONS)


def _attached(path: Path, scratch: Path | None) -> duckdb.DuckDBPyConnection:
    raw = duckdb.connect(config={**_NO_EXTENSIONS, "memory_limit": _FOREIGN_MEMORY, "temp_directory": ""})
    try:
        raw.execute(f"ATTACH '{quoted(path)}' AS {_FOREIGN_NAME} (TYPE duckdb, READ_ONLY)")
        if scratch is not None:
            raw.execute(f"SET allowed_directories = ['{quoted(scratch)}']")
        raw.execute("SET enable_external_access = false; SET lock_configuration = true")
    except BaseException:
        raw.close()
        raise
    return raw


def _waited_for(
    opened: Callable[[], duckdb.DuckDBPyConnection],
    path: Path,
    wait_seconds: float,
    waiting: OnWait | None,
    passing: Sequence[str],
) -> duckdb.DuckDBPyConnection:
    """What `opened` gives, once the file is free; errors with one of the signs in `passing` say that it is not."""
    began = time.monotonic()
    pause, deadline = 0.02, began + wait_seconds
    while True:
        try:
            return opened()
        except duckdb.Error as error:
            left = deadline - time.monotonic()
            if not any(sign in str(error) for sign in passing) or left <= 0:
                raise_translated(error, path, wait_seconds)
            if waiting is not None and time.monotonic() - began > _TOLD_AFTER:
                waiting()
                waiting = None
            time.sleep(min(pause, left))
            pause = min(2 * pause, 0.5)


def _check_path(path: Path, read_only: bool) -> None:
    if str(path) == ":memory:":
        return
    if path.is_dir():
        raise InvalidArgument("database", "Database.open", "be a file, not a folder", str(path))
    if path.exists() and not path.is_file():
        raise InvalidArgument("database", "Database.open", "be a plain file, not a pipe or a device", str(path))
    if read_only and not path.exists():
        raise InvalidArgument("database", "Database.open", "be an existing file where it is only read", str(path))
    if not path.parent.is_dir():
        raise InvalidArgument("database", "Database.open", "lie in an existing folder", str(path))


def check_makeable(path: Path) -> None:
    """Refuse a path that no database file can be made at.

    Raises:
        InvalidArgument: its folder does not exist, or cannot be written in.
    """
    _check_path(path, read_only=False)
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InvalidArgument("database", "Database.open", MAKEABLE, str(path), f"{error.strerror}.") from error


def _filled(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not isinstance(column, np.ma.MaskedArray):
        return column
    if not column.mask.any():
        return column.data
    return column.filled(np.nan if column.dtype.kind == "f" else None)
