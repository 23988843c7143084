"""Files that are written whole or not at all, files of lines that a kill cannot damage, and a file held by one process.

A full disk is said in one line, and leaves what was there before.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from presage.errors import StorageFull
from presage.reading import read_json, read_text

__all__ = [
    "ESCAPED",
    "SURROUNDINGS",
    "append",
    "disk_is_full",
    "held",
    "is_of_surroundings",
    "read_json",
    "read_text",
    "replacing",
    "replacing_folder",
    "trim",
    "unfinished",
    "writing_beside",
    "write_json",
    "write_text",
    "writing",
]

ESCAPED = "backslashreplace"
"""How text is encoded of which UTF-8 has no word: a byte of a file's name that is none, 0xE9, is written `\\udce9`, as
on the terminal; JSON reads it back as it was."""

_UNFINISHED: set[Path] = set()
_LOOKED_AT = 0.2  # seconds: `presage status` holds a lock for a moment, to see whether somebody does


@contextmanager
def writing_beside(path: Path) -> Iterator[None]:
    """Marks what is written beside its place until it is done: who has to end the process at once removes it."""
    _UNFINISHED.add(path)
    try:
        yield
    finally:
        _UNFINISHED.discard(path)


def unfinished() -> tuple[Path, ...]:
    """What this process is writing beside its place."""
    return tuple(_UNFINISHED)


SURROUNDINGS = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE, errno.EACCES, errno.EPERM,
    errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG,
})  # fmt: skip
"""What the system refuses because of the user's disk and paths; any other `OSError` is a mistake of presage's own."""


def is_of_surroundings(error: BaseException) -> bool:
    """Whether an error is one of the disk or of a path, and says nothing of what was being done."""
    return isinstance(error, OSError) and error.errno in SURROUNDINGS


def disk_is_full(error: BaseException) -> bool:
    """Whether an error of the system means that there is no room left, on the disk or for this user."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def writing(path: Path, kept: str = "was not written. What was stored before is whole.") -> Iterator[None]:
    """Turns a full disk into `StorageFull`.

    Args:
        path: what is written.
        kept: completes *The disk is full (No space left on device): `path` …*
    """
    try:
        yield
    except OSError as error:
        if not disk_is_full(error):
            raise
        raise StorageFull(f"The disk is full ({error.strerror}): {path} {kept}") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside `path` that takes its place, in one step, when the block ends well."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
        with writing_beside(draft):
            try:
                yield draft
                with draft.open("rb+") as stream:
                    os.fsync(stream.fileno())
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder` that takes its place, contents and all, when the block ends well."""
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        with writing_beside(made), _removed(made):
            yield made
            if folder.exists():
                old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
                folder.rename(old / "old")
                made.rename(folder)
                shutil.rmtree(old, ignore_errors=True)
            else:
                made.rename(folder)


@contextmanager
def _removed(folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8, whatever names of files and classes are in the text (`ESCAPED`)."""
    path.write_text(text, encoding="utf-8", errors=ESCAPED)


def write_json(path: Path, value: Any) -> None:
    """Write plain objects; NaN and infinity are refused."""
    with replacing(path) as draft:
        write_text(draft, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def append(path: Path, lines: bytes) -> None:
    """Add whole lines to a file and wait until they are on the disk; an unfinished last line there is cut off first.

    Raises:
        StorageFull: the disk is full; the file is as it was.
    """
    with writing(path, "keeps all lines written before."):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as stream:  # nothing is left in a buffer, to be written on closing
            end = trim(path)
            left = memoryview(lines)
            try:
                while left:
                    left = left[stream.write(left) :]
                os.fsync(stream.fileno())
            except OSError:
                with suppress(OSError):  # else a torn line, which readers skip
                    stream.truncate(end)
                raise


def trim(path: Path) -> int:
    """Cut off the line that a killed process left unfinished; gives the bytes of the whole lines."""
    with path.open("rb+") as stream:
        size = end = stream.seek(0, os.SEEK_END)
        while end > 0:
            start = max(end - 65536, 0)
            stream.seek(start)
            newline = stream.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            stream.truncate(end)
        return end


@contextmanager
def held(path: Path, refusal: Exception) -> Iterator[None]:
    """Hold a lock file for the block; the system lets go when the process ends, however it ends.

    Raises:
        `refusal`: another process holds it.
    """
    from filelock import FileLock, Timeout  # takes longer than the rest of this module

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=_LOOKED_AT, poll_interval=_LOOKED_AT / 4)
    except Timeout:
        raise refusal from None
    try:
        yield
    finally:
        lock.release()
