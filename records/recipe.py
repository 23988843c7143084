"""`RecipeRecord`: a recipe by the hash of its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from presage.records import rules as rule
from presage.records.record import Record

__all__ = ["RecipeRecord"]


@dataclass(frozen=True)
class RecipeRecord(Record):
    """How networks are trained. `json` is the recipe's object."""

    row, table = "recipe", "recipes"
    identified_by = ("hash",)
    objects = frozenset({"json"})
    hash: str
    json: Mapping[str, Any] = field(hash=False)

    def __post_init__(self) -> None:
        rule.digest("hash", self.row, self.hash)
        rule.text("json", self.row, self.text)

    @cached_property
    def text(self) -> str:
        """The object as the one line of JSON that `hash` is the SHA-256 of."""
        return rule.hashed_text(self.row, self.hash, self.json)
