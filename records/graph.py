"""`GraphRecord`: what networks and recurrent cells are as records: the hash of their canonical JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from presage.records import rules as rule
from presage.records.record import Record

__all__ = ["GraphRecord"]


@dataclass(frozen=True)
class GraphRecord(Record):
    """A graph in canonical form. `json` is its object; `space` and `params` say where it was sampled, if it was."""

    identified_by = ("hash",)
    objects = frozenset({"json", "params"})
    hash: str
    json: Mapping[str, Any] = field(hash=False)
    space: str | None = None
    params: Mapping[str, Any] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        rule.digest("hash", self.row, self.hash)
        rule.text("json", self.row, self.text)
        rule.text("space", self.row, self.space, optional=True)
        if self.params is not None:
            rule.json_text("params", self.row, rule.mapping("params", self.row, self.params))

    @cached_property
    def text(self) -> str:
        """The object as the one line of JSON that `hash` is the SHA-256 of."""
        return rule.hashed_text(self.row, self.hash, self.json)
