"""The command `presage`: builds the parser, runs one command, and turns every expected error into one line.

Exit code 0 done, 1 failed, 2 wrong input (one line that names the argument, the rule and the value), 130 or
143 interrupted.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import shlex
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn, Protocol, cast

from presage.arguments import Action, Arguments
from presage.config_file import Called, as_toml, configuration, keys
from presage.errors import InvalidArgument, PresageError, WrongInput
from presage.files import is_of_surroundings
from presage.interruption import Interrupted, interruptible, leave
from presage.lean_imports import load_lightgbm_alone
from presage.output import seed
from presage.places import path_argument
from presage.terminal import NotShown, one_line, terminal
from presage.threads import spin_briefly
from presage.training.stopped import told_by

__all__ = ["CommandLine", "command_line", "main"]

COMMANDS = {
    "demo": "the whole job on scikit-learn's digits, with the shipped experience",
    "probe": "difficulty of a dataset: DCN, difficulty card, nearest known datasets",
    "predict": "predicted accuracy of networks on a dataset, train-free, with an interval",
    "search": "search a space on predicted accuracy, train the short-list, and the best of it for use",
    "train": "train networks fully; the results enter the database, and what it knows is not trained again",
    "text": "recurrent cells on a text: probe, search, train; each left as a model that writes on",
    "generate": "text by a network that `presage text` left in a folder",
    "grow": "a small network grown by network morphisms: children inherit weights, the best of each step goes on",
    "shrink": "smaller versions of a network within limits, trained beside a plain scaled-down one",
    "classify": "classes of images, by a network that train or search left in a folder",
    "sample": "random architectures of a search space, or recurrent cells, as JSON lines",
    "populate": "train a design of networks on datasets, for the database; resumable",
    "evaluate": "predictor quality, each dataset left out in turn",
    "database": "the experiment database: info, query, import, export, sync, check",
    "report": "write the report.html of a run folder anew",
    "status": "how far a search is: what is done, what remains, the best so far",
    "dashboard": "a page that shows a search while it runs, on this machine alone",
    "doctor": "whether all is well: versions, device, room, database, predictor, what is missing",
    "completion": "a script by which bash, zsh or tcsh completes commands, options and files",
}
"""In a line each; what it takes and does stands in a module of `presage.commands`, loaded where it is asked for."""


FIRST = """What to do first:
  presage demo                                see the whole job, on data that is here already
  presage probe FOLDER --inspect              how hard your photos are (a folder for each class), and what is wrong
  presage search FOLDER --budget 30m          the best network for them within half an hour"""
"""Said by `presage` alone, below its help."""

NEGATIVE = re.compile(r"-(\.?\d|inf|nan)")
"""Begins a number: `-1k` after an option that takes a value is a wrong value, not an option."""


class Command(Protocol):
    """What a module of `presage.commands` offers: either these two, or ACTIONS."""

    def arguments(self, parser: Arguments) -> None:
        """Declare the command's own arguments."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it; print the result to stdout; give the exit code."""


class _Parser(argparse.ArgumentParser):
    """argparse, with its errors on one line, in presage's own form where a value breaks a rule."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.color = False  # Python 3.14 colours help, by escape sequences that `presage.terminal` writes out

    def error(self, message: str) -> NoReturn:
        broken = re.fullmatch(r"argument (\S+): (must .*)", message, re.DOTALL)
        if broken:
            message = f"the `{broken[1]}` of `{self.prog}` {broken[2]}"
        raise WrongInput(f"{message[:1].upper()}{message[1:]}. Type `{self.prog} --help`.")


@dataclass(frozen=True)
class CommandLine:
    """The parser of `presage`, of a command, or of an action of a command.

    Attributes:
        parser: what reads the words.
        arguments: all that it takes by itself.
        below: its commands, or actions, by name.
    """

    parser: argparse.ArgumentParser
    arguments: Arguments
    below: Mapping[str, CommandLine]

    @property
    def valued(self) -> frozenset[str]:
        """Names of the options that a value follows, here and below."""
        return self.arguments.valued.union(*(one.valued for one in self.below.values()))


def command(name: str) -> Command:
    """The module of one command, imported where it is asked for: neither `--help` nor another command waits."""
    return cast(Command, import_module(f"presage.commands.{name}"))


def actions(name: str) -> Mapping[str, Action]:
    """The actions of one command by name; most have none."""
    return getattr(command(name), "ACTIONS", {})


def command_line(only: str | None = None) -> CommandLine:
    """The whole command line, or with `only` just that command's arguments (the others keep their summary)."""
    root = Arguments(
        _Parser(
            prog="presage",
            description="What a network will score before you train it: dataset difficulty, train-free accuracy, "
            "search.",
        )
    )
    root.add_argument("--version", action="store_true", help="print the version and exit")
    commands = root.parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    below = {}
    for name, summary in COMMANDS.items():
        parser = commands.add_parser(name, help=summary, description=summary)
        below[name] = _command(name, Arguments(parser), own=only in (None, name))
    return CommandLine(root.parser, root, below)


def _command(name: str, arguments: Arguments, *, own: bool) -> CommandLine:
    """What one command takes; only the options of every command unless its `own` are asked for."""
    known = actions(name) if own else {}
    below = {}
    if known:
        nested = arguments.parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)
        for one, action in known.items():
            inner = Arguments(nested.add_parser(one, help=action.summary, description=action.description))
            action.arguments(inner)
            _shared(inner, absent=True)  # `presage database --json info` and `presage database info --json` are one
            below[one] = CommandLine(inner.parser, inner, {})
    elif own:
        command(name).arguments(arguments)
    _shared(arguments)
    return CommandLine(arguments.parser, arguments, below)


def _shared(arguments: Arguments, *, absent: bool = False) -> None:
    """The options of every command; with `absent`, one that is not given leaves what was given before it."""

    def default(value: object) -> object:
        return argparse.SUPPRESS if absent else value

    group = arguments.add_argument_group("for every command")
    group.add_argument(
        "--json",
        action="store_true",
        default=default(False),
        help="print one JSON object on stdout; progress stays on stderr",
    )
    group.add_argument(
        "--database",
        type=path_argument,
        metavar="PATH",
        default=default(None),
        help="the experiment database (default: the user's own)",
    )
    group.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default=default("auto"),
        help="where to train (default: auto)",
    )
    group.add_argument(
        "--seed",
        type=seed,
        default=default(0),
        help="seed of everything random but the predictor (default: 0)",
    )
    group.add_argument(
        "--config",
        type=path_argument,
        metavar="FILE",
        default=default(None),
        help="a TOML file of options, by their names; what is typed counts more",
    )
    group.add_argument(
        "--quiet", action="store_true", default=default(False), help="no progress on stderr; warnings stay"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; never lets an expected error reach the user as a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    spin_briefly()
    load_lightgbm_alone()
    try:
        with terminal(), told_by("presage"), interruptible(_say_interrupted):
            return _main(arguments)
    except Interrupted as interruption:
        leave(interruption.code)
    except KeyboardInterrupt:  # by whom no signal was needed
        _say_interrupted()
        return 130
    except NotShown as error:
        with suppress(OSError, ValueError, AttributeError):  # or Python would complain once more on leaving
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error.__cause__, BrokenPipeError):  # `presage … | head` has read what it wanted
            with suppress(OSError, ValueError, AttributeError):
                print(f"presage: {error}", file=sys.stderr, flush=True)
        return 1


def _say_interrupted(before: str = "") -> None:
    line = f"{before}presage: interrupted. Type the same command to go on where it stopped."
    print(line, file=sys.stderr, flush=True)


def _main(arguments: list[str]) -> int:
    wants_json = "--json" in arguments
    try:
        parsed = _parsed(arguments)
        if parsed is None:
            return 0
        wants_json = parsed.options.json
        return _run(parsed)
    except PresageError as error:
        return _report(error, wants_json)
    except OSError as error:
        if not is_of_surroundings(error):
            raise
        named = f" ({error.filename})" if error.filename else ""
        return _report(WrongInput(f"{error.strerror}{named}. Nothing already stored was lost."), wants_json)


@dataclass(frozen=True)
class _Parsed:
    """The options of a command, and the names of all options that it takes."""

    options: argparse.Namespace
    known: Collection[str]


def _parsed(arguments: list[str]) -> _Parsed | None:
    """What the words ask for; None where that is shown already."""
    if arguments[:1] == ["--version"]:
        from presage import __version__

        print(__version__)
        return None
    name = next((word for word in arguments if not word.startswith("-")), None)
    if name is not None and arguments[0] != name:
        raise _out_of_order(arguments)
    if name is not None and name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.4)
        guess = f" Did you mean `{near[0]}`?" if near else ""
        raise WrongInput(f"No command is named `{name}`.{guess} Known: {', '.join(COMMANDS)}.")
    root = command_line(name or "")
    words = _joined(arguments, root.valued)
    if name is None:
        root.parser.parse_args(words)
        root.parser.print_help()
        print(f"\n{FIRST}")
        return None
    line = root.below[name]
    called = Called.of(words, line.arguments, {one: action.arguments for one, action in line.below.items()})
    found = None if called.config is None else configuration(called.config, called, _tables(), _owners)
    options = root.parser.parse_args(called.words if found is None else found.words(called))
    if found is not None:
        found.fill(options)
    options.whole_parser = lambda: command_line().parser  # of all commands, which `completion` asks for
    options.as_toml = lambda: as_toml(options, called)
    return _Parsed(options, line.arguments.options)


def _lines() -> Iterator[tuple[str, CommandLine]]:
    """Every command and action by its name, a dot between the two."""
    for name, line in command_line().below.items():
        yield name, line
        yield from ((f"{name}.{action}", below) for action, below in line.below.items())


def _tables() -> frozenset[str]:
    """What a table of a configuration file may be called."""
    return frozenset(name for name, _ in _lines())


def _owners(key: str) -> list[str]:
    """Tables of a configuration file in which a key may stand."""
    return [name for name, line in _lines() if key in keys(line.arguments)]


def _run(parsed: _Parsed) -> int:
    options = parsed.options
    known = actions(options.command)
    run = known[options.action].run if known else command(options.command).run
    try:
        return run(options)
    except InvalidArgument as error:
        raise _as_typed(error, options, parsed.known) from error


def _out_of_order(arguments: Sequence[str]) -> WrongInput:
    """*Options stand after the command: `presage database info --database X`.*"""
    at = next((at for at, word in enumerate(arguments) if word in COMMANDS and arguments[at - 1] != "--database"), None)
    if at is None:
        return WrongInput(f"Options stand after a command, one of: {', '.join(COMMANDS)}. Got {arguments[0]}.")
    return WrongInput(f"Options stand after the command: `presage {shlex.join([*arguments[at:], *arguments[:at]])}`.")


def _joined(words: Sequence[str], valued: Collection[str]) -> list[str]:
    """The words, with negative numbers joined to the option before them: `--seeds -1` becomes `--seeds=-1`."""
    found: list[str] = []
    for word in words:
        before = found[-1] if found else ""
        follows = before.startswith("-") and any(name.startswith(before) for name in valued)
        if follows and before not in ("-", "--") and "--" not in found and NEGATIVE.match(word):
            found[-1] = f"{before}={word}"
        else:
            found.append(word)
    return found


def _as_typed(error: InvalidArgument, options: argparse.Namespace, known: Collection[str]) -> InvalidArgument:
    """The error in the command line's words, where it is about the value of one of the command's options."""

    def option(name: str) -> str:
        return f"--{name.replace('_', '-')}"

    def typed(text: str) -> str:
        return re.sub(r"`(\w+)`", lambda one: f"`{option(one[1])}`" if option(one[1]) in known else one[0], text)

    owner = " ".join(["presage", options.command, *filter(None, [getattr(options, "action", None)])])
    if error.owner == "presage":  # of what several commands share
        error = InvalidArgument(error.argument, owner, error.rule, error.got, error.hint)
    value = getattr(options, error.argument, None)
    given = value is not None and str(error.got) == str(value)
    if not given or option(error.argument) not in known or error.owner.startswith("the "):
        return error
    return InvalidArgument(option(error.argument), owner, typed(error.rule), error.got, typed(error.hint))


def _report(error: PresageError, wants_json: bool) -> int:
    line = one_line(" ".join(str(error).split()))
    if wants_json:
        print(json.dumps({"error": type(error).__name__, "message": line}))
    print(f"presage: {line}", file=sys.stderr)
    return 2 if isinstance(error, WrongInput) else 1


if __name__ == "__main__":
    sys.exit(main())
