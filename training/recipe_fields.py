"""What recipes have in common, of images and of texts: checked fields, and the hash of their JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import Field
from typing import Any

from presage.errors import InvalidArgument

__all__ = ["check_type", "hash_of", "with_floats"]

_LARGEST = 2**31 - 1  # of whole numbers: more epochs, images or seeds are a slip of the hand

_ALLOWED: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "int | None": (int, type(None)),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "tuple[str, ...]": (tuple,),
}


def check_type(owner: str, name: str, annotation: str, value: object) -> None:
    """Refuse a value of another type than its field's, and whole numbers that none can mean.

    Raises:
        InvalidArgument: names the field of `owner`.
    """
    wrong = not isinstance(value, _ALLOWED[annotation]) or (isinstance(value, bool) and annotation != "bool")
    if wrong:
        raise InvalidArgument(name, owner, f"be {annotation}", value)
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise InvalidArgument(name, owner, f"be at most {_LARGEST:,}", value)


def with_floats(given: Mapping[str, Any], of: Iterable[Field[Any]]) -> dict[str, Any]:
    """The values, whole numbers as floats where their field is one: a hash must not tell 1 from 1.0."""
    found = dict(given)
    for field in of:
        if field.type == "float" and type(found.get(field.name)) is int:
            with suppress(OverflowError):  # hundreds of digits, which no rule lets pass
                found[field.name] = float(found[field.name])
    return found


def hash_of(value: Mapping[str, Any]) -> str:
    """SHA-256 of a recipe's JSON, 64 hex digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
