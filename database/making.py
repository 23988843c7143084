"""A new database file is made beside its place, whole, and put there in one step: none is ever found half made."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from presage.database.connection import Connection, check_makeable
from presage.database.migrate import migrate
from presage.database.shipped import keep_empty
from presage.errors import StorageFailed, StorageFull
from presage.files import writing_beside

__all__ = ["make"]

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}

_NUMBERS = count()  # of drafts of this process: threads may make the same file at once


def make(file: Path, *, without_seed: bool) -> None:
    """Make a database of the newest schema without rows, unless there is a file already, or one comes meanwhile.

    Args:
        file: its path; ``:memory:`` is made by opening it.
        without_seed: note that it is without the shipped experience on purpose.

    Raises:
        InvalidArgument: its folder does not exist, or no file can be made in it.
        StorageFull, StorageFailed: there is no file then, as before.
    """
    if str(file) == ":memory:":
        return
    place = file.resolve() if file.is_symlink() else file
    if place.exists() or place.with_name(f"{place.name}.wal").exists():  # a log without its file is DuckDB's to judge
        return
    check_makeable(place)
    with _draft(place) as draft:
        try:
            connection = Connection(draft)
            try:
                migrate(connection)
                if without_seed:
                    keep_empty(connection)
                connection.run("CHECKPOINT")
            finally:
                connection.close()
        except (StorageFull, StorageFailed) as error:
            raise type(error)(str(error).replace(str(draft), str(file))) from error
        _put(draft, place)


@contextmanager
def _draft(place: Path) -> Iterator[Path]:
    draft = place.with_name(f".{place.name}.{os.getpid()}-{next(_NUMBERS)}.draft")
    log = draft.with_name(f"{draft.name}.wal")
    with writing_beside(draft), writing_beside(log):
        try:
            yield draft
        finally:
            for path in (draft, log):
                with suppress(OSError):
                    path.unlink()


def _put(draft: Path, place: Path) -> None:
    """In one step, where nothing has come meanwhile."""
    try:
        os.link(draft, place)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if not place.exists():  # a file system without links
            draft.rename(place)
