"""Shards: files of experience, one entry a line, that a kill cannot damage.

A line is in the file whole or not at all as far as readers can tell: a last line without its newline is a torn one,
which readers skip and the next writer cuts off.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from presage.errors import InvalidExperience
from presage.files import append
from presage.records.entries import Entry, entry_from_json, entry_to_json

__all__ = ["append_entry", "line_value", "read_entries", "shard_paths"]


def append_entry(path: Path, entry: Entry) -> None:
    """Add one line and wait until it is on the disk.

    Raises:
        StorageFull: the disk is full; the file is as it was.
    """
    append(path, json.dumps(entry_to_json(entry), allow_nan=False).encode() + b"\n")


def read_entries(path: Path) -> Iterator[Entry]:
    """The entries of a shard, in order; a torn last line is skipped.

    Raises:
        InvalidExperience: a whole line that holds no entry; names file and line.
    """
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield entry_from_json(line_value(line))
            except InvalidExperience as error:
                raise InvalidExperience(f"{path}:{number}: {error}") from None


def line_value(line: bytes) -> object:
    """What a line of JSON holds.

    Raises:
        InvalidExperience: it is no JSON.
    """
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidExperience(f"The line is no JSON: {str(error).splitlines()[0]}.") from None


def shard_paths(folder: Path) -> list[Path]:
    """The shards in a folder, by name."""
    return sorted(folder.glob("*.jsonl"))
