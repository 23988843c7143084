"""`Registry`: implementations by name, each with one line that says what it is; modules are imported when asked for.

Spaces, samplers, super-nets, predictors and proxies are listed in this form; `--help` and the docs are made from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

from presage.errors import UnknownName

__all__ = ["Registered", "Registry", "either"]


@dataclass(frozen=True)
class Registered:
    """Where an implementation lies.

    Attributes:
        target: ``module:attribute``.
        summary: one line for people, without a full stop.
    """

    target: str
    summary: str

    def load(self) -> Any:
        """The class or function itself; imports its module."""
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)


R = TypeVar("R", bound=Registered)


class Registry(Mapping[str, R], Generic[R]):
    """Registered implementations of one kind by name, in the order people should read them.

    Args:
        kind: what errors call it, such as ``space``.
        entries: by name.
    """

    def __init__(self, kind: str, entries: Mapping[str, R]) -> None:
        self.kind, self._entries = kind, dict(entries)

    def __getitem__(self, name: str) -> R:
        """
        Raises:
            UnknownName: names the nearest and all that are known; a `KeyError` too, as every mapping's.
        """
        if name not in self._entries:
            raise _Unknown(self.kind, name, self._entries)
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def load(self, name: str) -> Any:
        """The implementation of that name; imports its module."""
        return self[name].load()

    def listed(self, default: str | None = None) -> str:
        """The names as an option's help lists them: *chain (default), nb201 or darts*."""
        first = [] if default is None else [f"{default} (default)"]
        return either([*first, *(name for name in self if name != default)])

    def summaries(self) -> dict[str, str]:
        """Name → one line."""
        return {name: entry.summary for name, entry in self._entries.items()}


def either(names: Sequence[str]) -> str:
    """*chain, nb201 or darts*."""
    first, *rest = names
    return " or ".join([", ".join([first, *rest[:-1]]), *rest[-1:]])


class _Unknown(UnknownName, KeyError):
    """`Mapping.get` and `in` ask for a `KeyError`; users for the one line."""

    __str__ = Exception.__str__
