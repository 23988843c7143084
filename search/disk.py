"""Files that are written whole or not at all, and a full disk said in one line."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from presage.errors import StorageFull

__all__ = ["read_json", "replacing", "write_json", "writing"]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a full disk into `StorageFull`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StorageFull(f"The disk is full: {path} was not written. What was stored before is whole.") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside `path` that takes its place, in one step, when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with writing(path):
            yield draft
            with draft.open("rb") as stream:
                os.fsync(stream.fileno())
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write plain objects; NaN and infinity are refused."""
    with replacing(path) as draft:
        draft.write_text(json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """What `write_json` wrote; None where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
