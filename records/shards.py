"""Shards: files of experience, one entry a line, that a kill cannot damage.

A line is in the file whole or not at all as far as readers can tell: a last line without its newline is a torn one,
which readers skip and the next writer cuts off.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from presage.errors import InvalidExperience
from presage.files import append
from presage.reading import check_plain
from presage.records.entries import Entry, entry_from_json, entry_to_json

__all__ = ["MOST_LINE", "append_entry", "bounded_lines", "line_value", "read_entries", "shard_paths"]

MOST_LINE = 64 << 20
"""Bytes of a line; a network of the most nodes, with its curves, has a tenth of it."""


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
    check_plain(path)
    with path.open("rb") as stream:
        for number, line in enumerate(bounded_lines(stream), start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield entry_from_json(line_value(line))
            except InvalidExperience as error:
                raise InvalidExperience(f"{path}:{number}: {error}") from None


def bounded_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file. One that is longer than any entry comes as its beginning alone, which is no JSON."""
    while line := stream.readline(MOST_LINE + 1):
        rest = line
        while len(rest) > MOST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(MOST_LINE + 1)
        yield line if rest is line or not rest.endswith(b"\n") else line + b"\n"


def line_value(line: bytes) -> object:
    """What a line of JSON holds.

    Raises:
        InvalidExperience: it is no JSON.
    """
    if len(line) > MOST_LINE:
        raise InvalidExperience(f"The line must have at most {MOST_LINE:,} bytes. It has more.")
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidExperience(f"The line is no JSON: {str(error).splitlines()[0]}.") from None


def shard_paths(folder: Path) -> list[Path]:
    """The shards in a folder, by name."""
    return sorted(folder.glob("*.jsonl"))
