"""Reading what a kill, a failing disk or somebody else may have written: bounded, from plain files alone, in one error.

A reader trusts nothing of a file's form: `read_bytes` opens no pipe, device or folder and no more than a bound;
`reading` turns whatever a reader stumbles over in damaged content into one line that names the file.
"""

from __future__ import annotations

import json
import math
import re
import stat
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from presage.errors import PresageError, WrongInput, shown

__all__ = [
    "MOST_TEXT",
    "check_plain",
    "hex_name",
    "read_as",
    "read_bytes",
    "read_json",
    "read_text",
    "reading",
    "record",
]

MOST_TEXT = 256 << 20
"""Bytes of a file that is read as one text."""

_KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}  # fmt: skip
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)

T = TypeVar("T")


def check_plain(path: Path, most: int | None = None, error: type[WrongInput] = WrongInput) -> None:
    """Refuse, without opening it, what is no plain file or larger than `most` bytes.

    Raises:
        OSError: nothing is there, or it may not be looked at.
        `error`: as said.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        kind = _KINDS.get(stat.S_IFMT(about.st_mode), "something else")
        raise error(f"{path} must be a plain file. It is {kind}.")
    if most is not None and about.st_size > most:
        raise error(f"{path} must have at most {most:,} bytes to be read. It has {about.st_size:,}.")


def read_bytes(path: Path, most: int = MOST_TEXT, error: type[WrongInput] = WrongInput) -> bytes:
    """The content of a plain file of at most `most` bytes. Raises as `check_plain`."""
    check_plain(path, most, error)
    with path.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:  # it grew, or its file system tells no size
        raise error(f"{path} must have at most {most:,} bytes to be read. It has more.")
    return content


def read_text(path: Path, error: type[WrongInput] = WrongInput) -> str:
    """The text of a JSON file: UTF-8, or UTF-16 or UTF-32, as editors and shells of Windows write it, mark or not.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is no text.
        `error`: it is no plain file, or too large.
    """
    content = read_bytes(path, error=error)
    return content.decode(json.detect_encoding(content)).replace("\r\n", "\n")


def read_json(path: Path, error: type[WrongInput] = WrongInput) -> Any:
    """The JSON value in a file; None where there is no file.

    Raises:
        `error`: it is no plain file, too large, or no JSON.
    """
    if not path.exists():
        return None
    content = read_bytes(path, error=error)
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise error(f"{path} is damaged: it is no JSON.") from None


def read_as(path: Path, make: Callable[[Any], T], error: type[WrongInput] = WrongInput) -> T | None:
    """What `make` makes of the JSON value in a file; None where there is no file.

    Raises:
        `error`: as `read_json`, or whatever `make` stumbles over.
    """
    value = read_json(path, error)
    if value is None and not path.exists():
        return None
    with reading(path, error):
        return make(value)


@contextmanager
def reading(path: Path | str, error: type[WrongInput] = WrongInput) -> Iterator[None]:
    """One error for everything that damaged content makes a reader, or a library, raise.

    Errors of presage's own and of the system (no such file, no right to read it) pass.

    Raises:
        `error`: *… is damaged: KeyError: 'rounds'.*
    """
    try:
        yield
    except PresageError:
        raise
    except OSError as problem:
        if problem.errno is not None:
            raise
        raise error(_damaged(path, problem)) from None
    except Exception as problem:
        raise error(_damaged(path, problem)) from None


def _damaged(path: Path | str, problem: Exception) -> str:
    line = " ".join(str(problem).split())[:200]
    return f"{path} is damaged: {type(problem).__name__}{': ' if line else ''}{line.rstrip('.')}."


def hex_name(name: object) -> str:
    """A hash that a path is made of.

    Raises:
        ValueError: it is anything but hexadecimal digits, and might lead elsewhere.
    """
    if not isinstance(name, str) or not _HEX.fullmatch(name):
        raise ValueError(f"a hash must be hexadecimal digits, not {shown(name, 40)}")
    return name


def record(kind: type[T], value: object, **made: object) -> T:
    """A dataclass out of a JSON object, whose values must be of the types of its fields.

    Args:
        kind: the dataclass.
        value: the object.
        made: fields that are made already, and stand before those of the object.

    Raises:
        TypeError, ValueError: a field that is missing, unknown or of another type, or a number that is not finite.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"a {kind.__name__} must be an object, not {shown(value, 40)}")
    hints = _hints(cast(Any, kind))
    for name, one in value.items():
        if name not in hints:
            raise TypeError(f"a {kind.__name__} has no field {shown(name, 40)}")
        if name not in made and not _fits(one, hints[name]):
            raise TypeError(f"`{name}` of a {kind.__name__} cannot be {shown(one, 40)}")
    given = {**value, **made}
    lists = {name: tuple(one) for name, one in given.items() if isinstance(one, list) and _is_tuple(hints[name])}
    return kind(**{**given, **lists})


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    found = get_type_hints(kind)
    return {field.name: found[field.name] for field in fields(kind) if field.init}


def _is_tuple(hint: Any) -> bool:
    return get_origin(hint) is tuple


def _fits(value: object, hint: Any) -> bool:
    """Whether a JSON value is of an annotated type; what is none of the plain ones fits."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if hint is type(None):
        return value is None
    if hint is bool or hint is str:
        return isinstance(value, hint)
    if hint is int:
        return type(value) is int and abs(value) < 2**63
    if hint is float:
        return type(value) in (int, float) and _is_finite(cast(float, value))
    if _is_tuple(hint):
        return isinstance(value, list | tuple) and all(_fits(one, get_args(hint)[0]) for one in value)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        key, of = get_args(hint)
        return isinstance(value, Mapping) and all(_fits(k, key) and _fits(v, of) for k, v in value.items())
    return True


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False
