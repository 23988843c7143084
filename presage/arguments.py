"""What commands take, declared as with `argparse` and remembered, so that nothing asks `argparse` for its insides."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from presage.places import path_argument

__all__ = ["Action", "Arguments", "Declared", "nothing"]

_INDENT = 24
_MAY_BE_FILES = ("ARCH", "DATASET")
_FILES = {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"}  # as `shtab.FILE`, which is an extra
_FLAGS = ("store_true", "store_false", "store_const", "count", argparse.BooleanOptionalAction)


class _Declares(Protocol):
    """A parser or a group of one."""

    def add_argument(self, *names: str, **settings: Any) -> Any:
        """As `argparse.ArgumentParser.add_argument`."""


@dataclass(frozen=True)
class Declared:
    """One argument: its names, and what `argparse` was told of it."""

    names: tuple[str, ...]
    settings: Mapping[str, Any]
    action: argparse.Action

    @property
    def dest(self) -> str:
        """Its name among the parsed options."""
        return self.action.dest

    @property
    def is_option(self) -> bool:
        """Whether it is an option (`--seeds`), not known by its position (`DATASET`)."""
        return self.names[0].startswith("-")

    @property
    def takes_value(self) -> bool:
        """Whether it is an option that a value follows."""
        return self.is_option and self.settings.get("action") not in _FLAGS

    def left_open(self) -> None:
        """Need it no longer, and give it no default: the parsed options lack it unless it is typed."""
        if self.action.help:
            self.action.help = self.action.help.replace("%(default)s", str(self.action.default))
        self.action.required, self.action.default = False, argparse.SUPPRESS


@dataclass(frozen=True)
class Arguments:
    """The arguments of one command, or a group of them.

    Attributes:
        parser: the command's own parser.
        declared: every argument of the command, in order; its groups share the list.
        target: what takes the declarations: the parser, or a group of it.
    """

    parser: argparse.ArgumentParser
    declared: list[Declared] = field(default_factory=list)
    target: _Declares | None = None

    def add_argument(self, *names: str, **settings: Any) -> None:
        """Declare one; arguments as `argparse.ArgumentParser.add_argument` has them."""
        action = (self.target or self.parser).add_argument(*names, **settings)
        if settings.get("type") is path_argument or settings.get("metavar") in _MAY_BE_FILES:
            setattr(action, "complete", _FILES)  # noqa: B010 - shtab's own attribute, which argparse lacks
        self.declared.append(Declared(names, settings, action))

    def add_argument_group(self, title: str, description: str | None = None) -> Arguments:
        """A group with a title of its own in the help."""
        if description is not None:  # `explain` takes the wrapping of texts from argparse
            description = textwrap.fill(description, _width() - 2)
        return Arguments(self.parser, self.declared, self.parser.add_argument_group(title, description))

    def set_defaults(self, **values: Any) -> None:
        """Other defaults for arguments that were declared before."""
        for one in self.declared:
            if one.dest in values:
                one.action.default = values[one.dest]

    def explain(self, title: str, summaries: Mapping[str, str]) -> None:
        """Say below the options what names mean, as registries summarise them.

        Args:
            title: of the list.
            summaries: name → one line.
        """
        width = _width()
        indent = max(_INDENT, *(len(name) + 4 for name in summaries))
        lines = [
            textwrap.fill(summary, width, initial_indent=f"  {name}".ljust(indent), subsequent_indent=indent * " ")
            for name, summary in summaries.items()
        ]
        before = [self.parser.epilog] if self.parser.epilog else []
        self.parser.epilog = "\n\n".join([*before, "\n".join([f"{title}:", *lines])])
        self.parser.description = textwrap.fill(self.parser.description or "", width)
        self.parser.formatter_class = argparse.RawDescriptionHelpFormatter

    @property
    def options(self) -> frozenset[str]:
        """Every name of every option, such as `--seeds`."""
        return frozenset(name for one in self.declared if one.is_option for name in one.names)

    @property
    def valued(self) -> frozenset[str]:
        """Names of the options that a value follows."""
        return frozenset(name for one in self.declared if one.takes_value for name in one.names)


def _width() -> int:
    """Of a line of help, as argparse has it."""
    return max(shutil.get_terminal_size().columns - 2, 2 * _INDENT)


def nothing(arguments: Arguments) -> None:
    """Declare nothing: what takes no arguments."""


@dataclass(frozen=True)
class Action:
    """A sub-command, such as `info` in `presage database info`.

    Attributes:
        summary: a few words, for the list of the command's actions.
        description: one sentence, for the action's own help.
        run: does it; gives the exit code.
        arguments: declares its arguments.
    """

    summary: str
    description: str
    run: Callable[[argparse.Namespace], int]
    arguments: Callable[[Arguments], None] = nothing
