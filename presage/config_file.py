"""`--config FILE`: the options of a command out of a TOML file, and a command's options as such a file.

A key is an option by its name; what stands before the first table is for every command, a table is for the command of
its name, and a table within that for an action::

    device = "cpu"
    [search]
    space = "stages"
    max-params = "50k"
    set = {ema = 0.99}
    [database.import]
    column = {accuracy = "val_acc"}

A value is what would be typed: text, a number, true or false for an option that takes none; a list, or a table of
NAME=VALUE, for one that may be repeated.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from presage.arguments import Arguments, Declared
from presage.errors import InvalidArgument, UnknownName, WrongInput
from presage.output import duration
from presage.places import path_argument, user_path
from presage.reading import read_bytes

__all__ = ["Called", "Configuration", "as_toml", "configuration", "keys"]

_MOST = 1 << 20  # bytes
_LEFT_OUT = ("config", "json", "quiet")  # of a run that is to be asked for again
_ALIKE: dict[Any, Callable[[Any], str]] = {duration: lambda seconds: f"{seconds:.0f}s"}
"""How a value is written, where what reads it does not read its own `str`."""


@dataclass(frozen=True)
class Called:
    """A command as it was typed.

    Attributes:
        names: the command, and its action where it has actions.
        levels: what each of them takes.
        head: the words up to the last name.
        rest: the words after it.
    """

    names: tuple[str, ...]
    levels: tuple[Arguments, ...]
    head: tuple[str, ...]
    rest: tuple[str, ...]

    @classmethod
    def of(cls, words: Sequence[str], arguments: Arguments, actions: Mapping[str, Arguments]) -> Called:
        """The command that the first of the words names, with what it and its actions take."""
        at = next((told.at + 1 for told in _told(words[1:], [arguments]) if not told.name), 0)
        if words[at] not in actions:
            return cls((words[0],), (arguments,), tuple(words[:1]), tuple(words[1:]))
        levels = arguments, actions[words[at]]
        return cls((words[0], words[at]), levels, tuple(words[: at + 1]), tuple(words[at + 1 :]))

    @property
    def text(self) -> str:
        """As an error calls it."""
        return f"presage {' '.join(self.names)}"

    @property
    def words(self) -> list[str]:
        """All that was typed."""
        return [*self.head, *self.rest]

    @property
    def config(self) -> str | None:
        """The file that `--config` names; None where none is."""
        found = [one.value for one in _told(self.words[1:], self.levels) if one.name == "--config"]
        return found[-1] if found else None

    @property
    def declared(self) -> list[Declared]:
        """All that it takes."""
        return [one for arguments in self.levels for one in arguments.declared]


@dataclass(frozen=True)
class Configuration:
    """What a file says of one command.

    Attributes:
        values: name among the parsed options → value; of options alone.
        places: name → words, of arguments known by their position.
    """

    values: Mapping[str, Any]
    places: Mapping[str, Sequence[str]]

    def words(self, called: Called) -> list[str]:
        """What was typed, with those places filled from the file that were left empty.

        What is typed takes the places from the left; the file fills what is then missing, from the right.
        """
        places = [one.dest for one in called.declared if not one.is_option]
        missing = len(places) - sum(1 for told in _told(called.rest, called.levels) if not told.name)
        filled = [name for name in reversed(places) if name in self.places][: max(missing, 0)]
        before = [word for name in places[:-1] if name in filled for word in self.places[name]]
        after = [word for name in places[-1:] if name in filled for word in self.places[name]]
        return [*called.head, *before, *called.rest, *after]

    def fill(self, options: argparse.Namespace) -> None:
        """Give the options that were not typed the values of the file."""
        for name, value in self.values.items():
            if not hasattr(options, name):
                setattr(options, name, value)


def configuration(
    file: str, called: Called, tables: Collection[str], owners: Callable[[str], Sequence[str]]
) -> Configuration:
    """What a file says of a command. Options that it gives have no default afterwards (`Configuration.fill`).

    Args:
        tables: every name that a table may have, a dot between command and action.
        owners: name of a key → the tables in which it may stand.

    Raises:
        InvalidArgument: the file cannot be read, or a value breaks a rule.
        UnknownName: a key, or a table, that there is none of.
    """
    known = {key: one for one in called.declared for key in _keys(one)}
    values: dict[str, Any] = {}
    places: dict[str, Sequence[str]] = {}
    for owner, key, value in _given(_content(file, called), called.names, tables, file):
        name = key.replace("_", "-")
        if name not in known:
            if _is_table(value) and owner == file:
                raise UnknownName(f"command (a table of {file})", key, tables)
            raise _unknown(owner, called, key, known, owners(name))
        one = known[name]
        found = _value(one, name, value, owner)
        if one.is_option:
            values[one.dest] = found
        else:
            places[one.dest] = [str(word) for word in (found if isinstance(found, list) else [found])]
    for one in called.declared:
        if one.dest in values:
            one.left_open()
    return Configuration(values, places)


def keys(arguments: Arguments) -> frozenset[str]:
    """What a file may say of a command or an action, by its keys."""
    return frozenset(key for one in arguments.declared for key in _keys(one))


def as_toml(options: argparse.Namespace, called: Called) -> str:
    """The options of a command, the defaults among them, as a file that `--config` reads."""
    lines = []
    for one in {one.dest: one for one in called.declared}.values():
        value = getattr(options, one.dest, None)
        if one.dest in _LEFT_OUT or value is None or value == []:
            continue
        if one.settings.get("action") == "store_false":
            value = not value
        plain = [_plain(one, item) for item in value] if isinstance(value, list) else _plain(one, value)
        text = json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")
        lines.append(f"{_keys(one)[0]} = {text}")
    return "\n".join([f"[{'.'.join(called.names)}]", *lines, ""])


def _given(
    content: Mapping[str, Any], names: Sequence[str], tables: Collection[str], file: str
) -> Iterator[tuple[str, str, Any]]:
    """Owner, key and value of all that is said for a command; of a key that is said twice, the nearer comes later."""
    own, within = content, ""
    for name in (*names, ""):
        below = {one.removeprefix(within).partition(".")[0] for one in tables if one.startswith(within)}
        owner = f"{file} [{within.rstrip('.')}]" if within else file
        yield from ((owner, key, value) for key, value in own.items() if key not in below or not _is_table(value))
        inner = own.get(name)  # `database = "FILE"` is an option, `[database]` a table
        own, within = inner if isinstance(inner, dict) else {}, f"{within}{name}."


def _content(file: str, called: Called) -> dict[str, Any]:
    rule, path = "be a TOML file", user_path(file, "--config", called.text)
    try:
        return tomllib.loads(read_bytes(path, _MOST).decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        raise InvalidArgument("--config", called.text, rule, file, f"{error.strerror}.") from None
    except WrongInput:
        raise
    except (ValueError, RecursionError) as error:
        why = str(error).rstrip(".") if isinstance(error, tomllib.TOMLDecodeError) else "It is no such text"
        raise InvalidArgument("--config", called.text, rule, file, f"{' '.join(why.split())[:200]}.") from None


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _unknown(owner: str, called: Called, key: str, known: Collection[str], others: Sequence[str]) -> WrongInput:
    if others:
        hint = f"Put it below {'one of ' if len(others) > 1 else ''}{', '.join(f'[{one}]' for one in others)}."
        return WrongInput(f"The `{key}` of `{owner}` is no option of `{called.text}`. {hint}")
    return UnknownName(f"option of `{called.text}` (in {owner})", key, known)


def _keys(one: Declared) -> list[str]:
    """What a file may call an argument, the usual name first; `--config` itself has none."""
    if one.dest == "config":
        return []
    if not one.is_option:
        return [one.dest.replace("_", "-")]
    return [name.lstrip("-") for name in reversed(one.names)]


def _value(one: Declared, key: str, value: object, owner: str) -> Any:
    """The value of an argument, read as if it had been typed."""
    settings = one.settings
    if not one.takes_value and one.is_option:
        if not isinstance(value, bool):
            raise InvalidArgument(key, owner, "be true or false", value)
        return value if settings.get("action") != "store_false" else not value
    if settings.get("action") == "append" or settings.get("nargs") == "+":
        return [_read(one, key, item, owner) for item in _items(one, key, value, owner)]
    return _read(one, key, value, owner)


def _items(one: Declared, key: str, value: object, owner: str) -> list[Any]:
    """What an argument that may be repeated is given: a value, a list, or a table of NAME=VALUE."""
    if isinstance(value, dict) and "=" in str(one.settings.get("metavar")):
        return [f"{name}={item if isinstance(item, str) else _json(item, key, owner)}" for name, item in value.items()]
    items = value if isinstance(value, list) else [value]
    if not items and not one.is_option:
        raise InvalidArgument(key, owner, "hold at least one value", value)
    return items


def _json(value: object, key: str, owner: str) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        raise InvalidArgument(key, owner, "hold text, numbers, true or false", value) from None


def _read(one: Declared, key: str, value: object, owner: str) -> Any:
    kind, choices = one.settings.get("type"), one.settings.get("choices")
    if kind is None or kind is path_argument:
        if not isinstance(value, str):
            raise InvalidArgument(key, owner, "be text, in quotes", value)
    elif isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidArgument(key, owner, "be a number, or text in quotes", value)
    try:
        found = value if kind is None else kind(str(value))
    except argparse.ArgumentTypeError as error:
        raise WrongInput(f"The `{key}` of `{owner}` {error}.") from None
    if choices is not None and found not in choices:
        raise InvalidArgument(key, owner, f"be one of {', '.join(choices)}", value)
    return found


def _plain(one: Declared, value: object) -> object:
    alike = _ALIKE.get(one.settings.get("type"))
    if alike is not None:
        return alike(value)
    return value if isinstance(value, str | int | float | bool) else str(value)


class _Told(NamedTuple):
    """An option with its value, or a word by itself, which has no name; `at`: where it stands."""

    at: int
    name: str
    value: str


def _told(words: Sequence[str], levels: Sequence[Arguments]) -> Iterator[_Told]:
    """What words say, as `argparse` takes them."""
    options = frozenset[str]().union(*(arguments.options for arguments in levels))
    valued = frozenset[str]().union(*(arguments.valued for arguments in levels))
    rest = iter(enumerate(words))
    for at, word in rest:
        if word == "--":
            yield from (_Told(place, "", one) for place, one in rest)
        elif not word.startswith("-") or word == "-":
            yield _Told(at, "", word)
        else:
            typed, equals, value = word.partition("=")
            meant = [typed] if typed in options else [one for one in options if one.startswith(typed)]
            name = meant[0] if len(meant) == 1 else typed
            yield _Told(at, name, value if equals or name not in valued else next(rest, (at, ""))[1])
