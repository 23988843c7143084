"""`Record`: what every row of experience can do, and the facts that each kind of it states.

A record that exists obeys every rule that one row alone can obey.

A new column is two files: a field at the end of its record (None by default, in `later`, and in `results` where a
second report must repeat it), and a migration in ``database/migrations`` that adds it with its comment. An attribute of
the same name on `TrainingResult` fills it. `tests/records/test_new_column.py` does it all.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Self

from presage.errors import InvalidExperience
from presage.records import rules as rule

__all__ = ["Record", "joined_digest"]


@dataclass(frozen=True)
class Record:
    """One row of experience. Its fields are the columns of its table, in order; its class says what is true of it.

    From these facts follow the lines of shards, the entries, the tables, their writing and their Parquet files.

    Attributes:
        row: what one is called; also the name of its object in a line.
        table: of the database.
        identified_by: the fields that tell one from another.
        references: records that it names, each by a field called as that record's `row`.
        results: fields that a second report of the same must repeat; the rest (time, hardware, …) may differ.
        objects: fields that are JSON objects outside, and text in the table.
        later: fields that are younger than the format: null where a line or a Parquet file is older than they are.
        key: the table's primary key: the identity itself where it is one field, else `id`, its SHA-256.

    Raises:
        InvalidExperience: from every constructor, for a value that breaks a rule.
    """

    row: ClassVar[str]
    table: ClassVar[str]
    identified_by: ClassVar[tuple[str, ...]]
    references: ClassVar[tuple[type[Record], ...]] = ()
    results: ClassVar[tuple[str, ...]] = ()
    objects: ClassVar[frozenset[str]] = frozenset()
    later: ClassVar[frozenset[str]] = frozenset()
    key: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.key = cls.identified_by[0] if len(cls.identified_by) == 1 else "id"

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The record an object holds. Every field must be there, but for `later` ones, and none other."""
        given = rule.mapping(cls.row, "line", value)
        names = [f.name for f in fields(cls)]
        for name in given:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                guess = f" Did you mean `{near[0]}`?" if near else ""
                raise InvalidExperience(f"`{cls.row}` has no field `{name}`.{guess} Known: {', '.join(names)}.")
        missing = [name for name in names if name not in given and name not in cls.later]
        if missing:
            raise InvalidExperience(f"`{cls.row}` lacks the field `{missing[0]}`. It needs: {', '.join(names)}.")
        return cls(**(dict.fromkeys(cls.later) | given))

    @classmethod
    def column_names(cls) -> list[str]:
        """The table's columns, but for `id`."""
        return [f.name for f in fields(cls)]

    @classmethod
    def from_columns(cls, values: Mapping[str, Any]) -> Self:
        """The record of a table's row, its `id` left out; object columns arrive as JSON text."""
        given = dict(values)
        for name in cls.objects & given.keys():
            given[name] = _parsed(name, cls.row, given[name])
        return cls.from_json(given)

    def to_json(self) -> dict[str, Any]:
        """Plain objects, lists and numbers: what `from_json` reads."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            name: dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
            for name, value in plain.items()
        }

    def to_columns(self) -> dict[str, Any]:
        """The row as its table has it: objects as JSON text, `id` first where the table has one."""
        plain = self.to_json()
        for name in self.objects:
            if plain[name] is not None:
                plain[name] = getattr(self, "text", "") if name == "json" else rule.canonical(plain[name])
        return {"id": self.identity, **plain} if self.key == "id" else plain

    @cached_property
    def identity(self) -> str:
        """Value of the primary key."""
        parts = [getattr(self, name) for name in self.identified_by]
        return str(parts[0]) if len(parts) == 1 else joined_digest(*parts)

    def contradicts(self, other: Record) -> list[str]:
        """Those of `results` that differ in another report of the same. A `later` field that one lacks does not."""
        pairs = ((name, getattr(self, name), getattr(other, name)) for name in self.results)
        return [
            name for name, own, its in pairs if own != its and not (name in self.later and (own is None or its is None))
        ]

    @property
    def failed(self) -> bool:
        """Whether a later success may take its place."""
        return False

    def _check_references(self) -> None:
        for kind in self.references:
            rule.digest(kind.row, self.row, getattr(self, kind.row))

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def joined_digest(*parts: object) -> str:
    """SHA-256 of the parts joined by ``/``, 64 hex digits."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def _parsed(name: str, row: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        rule.refuse(name, row, "be JSON", value)
