"""Shards: files of experience, one JSON object a line, that a kill cannot damage.

A line is in the file whole or not at all as far as readers can tell: a last line without its newline is a torn one,
which readers skip and the next writer cuts off.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from presage.errors import InvalidArgument, InvalidExperience
from presage.files import append, held

__all__ = ["FORMAT", "VERSION", "append_line", "exclusive", "read_lines", "shard_paths"]

FORMAT = "presage-experience"
VERSION = 1


def append_line(path: Path, kind: str, parts: Mapping[str, object]) -> None:
    """Add one line, ``{"format", "version", "kind", **parts}``, and wait until it is on the disk.

    Raises:
        StorageFull: the disk is full; the file is as it was.
    """
    text = json.dumps({"format": FORMAT, "version": VERSION, "kind": kind, **parts}, allow_nan=False)
    append(path, text.encode() + b"\n")


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a shard, in order; a torn last line is skipped.

    Raises:
        InvalidExperience: a whole line that is not a line of this format.
    """
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                found = json.loads(line)
            except ValueError:
                raise InvalidExperience(f"{path}, line {number}: must be one JSON object.") from None
            if not isinstance(found, dict) or found.get("format") != FORMAT:
                raise InvalidExperience(f'{path}, line {number}: must have "format": "{FORMAT}".')
            if found.get("version") != VERSION:
                got = found.get("version")
                raise InvalidExperience(f"{path}, line {number}: must have version {VERSION}. Got {got!r}.")
            yield found


def shard_paths(folder: Path) -> list[Path]:
    """The shards in a folder, by name."""
    return sorted(folder.glob("*.jsonl"))


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Be the only campaign that writes to `folder`.

    Raises:
        InvalidArgument: another one does.
    """
    rule = "be a folder that no other running campaign writes to"
    with held(folder / "campaign.lock", InvalidArgument("out", "campaign", rule, str(folder))):
        yield
