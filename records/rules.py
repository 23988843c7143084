"""Rules that a value of a row must obey. Each returns the value in its plain Python type, or says what is wrong."""

from __future__ import annotations

import hashlib
import json
import math
import operator
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from numbers import Real
from typing import Any, NoReturn, SupportsIndex

from presage.errors import InvalidExperience, shown

__all__ = [
    "accuracies",
    "accuracy",
    "canonical",
    "count",
    "digest",
    "hashed_text",
    "json_text",
    "mapping",
    "number",
    "numbers",
    "refuse",
    "text",
    "time",
]

_LARGEST = 2**63 - 1  # BIGINT
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


def refuse(field: str, row: str, rule: str, got: object) -> NoReturn:
    """Raise InvalidExperience: *The `accuracy` of `experiment` must lie in [0, 1]. Got 1.3.*"""
    raise InvalidExperience(f"The `{field}` of `{row}` must {rule}. Got {shown(got, 100)}.")


def count(field: str, row: str, value: object, least: int = 0) -> int:
    """A whole number that a 64-bit column holds."""
    if type(value) is not int:
        if isinstance(value, bool) or not isinstance(value, SupportsIndex):
            refuse(field, row, "be a whole number", value)
        value = operator.index(value)
    if not least <= value <= _LARGEST:
        refuse(field, row, f"be at least {least}" if value < least else "be under 2⁶³", value)
    return value


def number(
    field: str, row: str, value: object, least: float = -math.inf, most: float = math.inf, optional: bool = False
) -> Any:
    """A finite float within [least, most], or None where that is allowed."""
    if value is None and optional:
        return None
    if type(value) is not float:
        if isinstance(value, bool) or not isinstance(value, Real):
            refuse(field, row, "be a number" + (" or null" if optional else ""), value)
        try:
            value = float(value)
        except OverflowError:
            refuse(field, row, "be finite", value)
    if not least <= value <= most or not math.isfinite(value):
        if math.isfinite(value) or most < math.inf:
            refuse(field, row, f"lie in [{least:g}, {most:g}]" if most < math.inf else f"be at least {least:g}", value)
        refuse(field, row, "be finite", value)
    return value


def accuracy(field: str, row: str, value: object, optional: bool = False) -> Any:
    """A share of images named rightly, in [0, 1]."""
    return number(field, row, value, 0.0, 1.0, optional)


def numbers(
    field: str, row: str, values: object, least: float = -math.inf, most: float = math.inf
) -> tuple[float, ...]:
    """A list of finite floats within [least, most]; what is wrong names the element."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        refuse(field, row, "be a list of numbers", values)
    return tuple(number(f"{field}[{i}]", row, value, least, most) for i, value in enumerate(values))


def accuracies(field: str, row: str, values: object) -> tuple[float, ...]:
    """A list of accuracies, each in [0, 1]."""
    return numbers(field, row, values, 0.0, 1.0)


def text(field: str, row: str, value: object, optional: bool = False, empty: bool = False) -> Any:
    """Text that UTF-8 and DuckDB hold; one line unless it is a failure's reason."""
    if value is None and optional:
        return None
    if not isinstance(value, str) or (not value and not empty):
        refuse(field, row, "be text" if empty else "be text that is not empty", value)
    if "\x00" in value or (not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value)):
        refuse(field, row, "be text without null characters or lone surrogates", value)
    return value


def digest(field: str, row: str, value: object) -> str:
    """A SHA-256 as 64 lower-case hex digits."""
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        refuse(field, row, "be a SHA-256 of 64 lower-case hex digits", value)
    return value


def time(field: str, row: str, value: object) -> str:
    """A moment in UTC, ISO 8601, such as ``2026-11-22T04:11:00+00:00`` or with ``Z``."""
    try:
        offset = datetime.fromisoformat(value).utcoffset() if isinstance(value, str) else None
    except ValueError:
        offset = None
    if offset != timedelta(0) or not isinstance(value, str):
        refuse(field, row, "be a time in UTC such as 2026-11-22T04:11:00+00:00", value)
    return value


def mapping(field: str, row: str, value: object) -> dict[str, Any]:
    """A JSON object with text keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        refuse(field, row, "be an object with text keys", value)
    return dict(value)


def canonical(value: object) -> str:
    """One line of JSON with sorted keys: equal objects, equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def json_text(field: str, row: str, value: object) -> str:
    """An object as one line of JSON, keys sorted. Takes the object or its text."""
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
        return canonical(mapping(field, row, parsed))
    except (ValueError, TypeError, RecursionError) as error:
        if isinstance(error, InvalidExperience):
            raise
        refuse(field, row, "be a JSON object of finite numbers", value)


def hashed_text(row: str, claimed: str, value: object) -> str:
    """The line of JSON whose SHA-256 is `claimed`: keys in the order given (architectures) or sorted (recipes)."""
    try:
        given = json.dumps(mapping("json", row, value), separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        if isinstance(error, InvalidExperience):
            raise
        refuse("json", row, "be a JSON object of finite numbers", value)
    if _sha256(given) == claimed:
        return given
    ordered = canonical(value)
    if _sha256(ordered) != claimed:
        refuse("hash", row, f"be the SHA-256 of its `json` ({_sha256(ordered)[:12]}… with sorted keys)", claimed)
    return ordered


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
