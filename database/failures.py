"""DuckDB's errors in presage's words, one clear line each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

import duckdb

from presage.errors import DatabaseBusy, InvalidArgument, InvalidDatabase, StorageFailed, StorageFull

__all__ = ["DAMAGE", "FOREIGN", "LOCKED", "MAKEABLE", "OTHERWISE", "raise_translated"]

LOCKED = ("Could not set lock", "Conflicting lock", "being used by another process")
OTHERWISE = "different configuration"  # this process has it open, for reading and not for writing or vice versa
MAKEABLE = "be a file that exists or can be made"
FOREIGN = "The file {path} is not a DuckDB database."
DAMAGE = (duckdb.IOException, duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException)
_HOLDER = re.compile(r"held in (?P<program>\S+) \(PID (?P<pid>\d+)\)")
_FULL = ("No space left", "Disk quota exceeded", "File too large", "not enough disk space")
_FAILING = ("Input/output error", "Read-only file system", "Stale file handle")
_NEWER = re.compile(r"version number (\d+)", re.IGNORECASE)


def raise_translated(error: duckdb.Error, path: Path, waited: float = 0.0) -> NoReturn:
    """Raise what the user can act on; a mistake of ours passes through as it is.

    Args:
        error: as DuckDB told it.
        path: of the database.
        waited: seconds, for the file to become free.
    """
    message = str(error)
    line = " ".join(message.split())[:300]
    if any(sign in message for sign in LOCKED):
        holder = _HOLDER.search(message)
        who = f"{Path(holder['program']).name} (PID {holder['pid']})" if holder else "another process"
        raise DatabaseBusy(
            f"The database {path} is in use by {who}; waited {waited:g} s. "
            "Repeat when that has ended, or name another file."
        ) from error
    if OTHERWISE in message or isinstance(error, duckdb.ResourceInUseException):
        raise DatabaseBusy(
            f"The database {path} is already open in this process, one for reading and one for writing. Close it first."
        ) from error
    if any(sign in message for sign in _FULL):
        raise StorageFull(
            f"The disk filled up while writing {path}; nothing stored before is lost. Free some space and repeat."
        ) from error
    if any(sign in message for sign in _FAILING):
        raise StorageFailed(
            f"The disk fails under the database {path}: {line}. What was stored before is not lost by it; "
            "repeat when the disk is well."
        ) from error
    if isinstance(error, duckdb.IOException) and "Permission denied" in message:
        raise InvalidArgument(
            "database", "Database.open", "be a file that you may read and write", str(path)
        ) from error
    if isinstance(error, duckdb.IOException) and (newer := _NEWER.search(message)):
        raise InvalidDatabase(
            f"The database {path} has DuckDB storage version {newer[1]}, which DuckDB {duckdb.__version__} "
            "cannot read. Update duckdb."
        ) from error
    if isinstance(error, duckdb.OutOfMemoryException):
        raise InvalidDatabase(f"The database {path} takes more memory than there is: {line}") from error
    if "not a valid DuckDB database" in message or "Cannot launch in-memory database" in message:
        raise InvalidDatabase(FOREIGN.format(path=path)) from error
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        raise InvalidDatabase(f"The database {path} lacks a table or column: {line}") from error
    if isinstance(error, duckdb.IOException) and "Cannot open file" in message and not path.exists():
        raise InvalidArgument("database", "Database.open", MAKEABLE, str(path)) from error
    if isinstance(error, DAMAGE) or "Corrupt database" in message:
        raise InvalidDatabase(f"The database {path} is damaged or truncated: {line}") from error
    raise error
