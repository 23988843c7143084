"""Architectures a user names on the command line: a JSON file, JSON lines, or the name of a torch module."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from presage.architecture.graph import Architecture
from presage.errors import InvalidArchitecture, InvalidArgument, WrongInput
from presage.files import read_text
from presage.network_names import FORMS, is_name, named_modules

if TYPE_CHECKING:
    from torch import nn

    from presage.architecture.costs import Costs

__all__ = [
    "NamedArchitecture",
    "NamedNetwork",
    "architecture_of_text",
    "costs_of",
    "networks_of",
    "one_network",
    "read_architectures",
    "read_networks",
    "traced",
]

TRACE_SHAPES = ((3, 224, 224), (3, 32, 32), (1, 28, 28))
"""Image shapes tried in turn to trace a module; the graph found is the same, where the module accepts it."""


@dataclass(frozen=True)
class NamedArchitecture:
    """An architecture and what the user called it (file and line, or the name of a module).

    Attributes:
        notes: what was changed to make it fit the images and classes, and what else a user should know of it.
    """

    name: str
    architecture: Architecture
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NamedNetwork:
    """What the user named, before its images are known: an architecture, or a module to be built and traced.

    Attributes:
        name: what the user called it.
        architecture: of files, and of graphs.
        make: builds the module of a name, each time anew.
        problem: why it is no network; of the three, two are None.
    """

    name: str
    architecture: Architecture | None = None
    make: Callable[[], nn.Module] | None = None
    problem: WrongInput | None = None


def read_architectures(specs: Iterable[str]) -> list[NamedArchitecture]:
    """Every architecture that the words name, in order; modules are traced on the first image shape that they accept.

    Where images are known, `presage.at_images` traces at those.

    Raises:
        InvalidArchitecture: a file or module describes no network; names file and line.
        WrongInput: no such file, module or callable.
    """
    found = []
    for network in read_networks(specs):
        if network.problem is not None:
            raise network.problem
        architecture = network.architecture
        if architecture is None:
            assert network.make is not None
            architecture = traced(network.make(), network.name)
        found.append(NamedArchitecture(network.name, architecture))
    return found


def read_networks(specs: Iterable[str]) -> list[NamedNetwork]:
    """Every network that the words name, in order. Modules are not built yet; users' own are imported.

    Of several, one that is none stands there with its `problem`.

    Raises:
        InvalidArchitecture: files describe no network; names file and line.
        WrongInput: all are none: no such file, module, callable or library. Says why of the first.
    """
    found = [network for spec in specs for network in networks_of(spec)]
    if not found:
        raise WrongInput("The `ARCH` must hold at least one architecture. Got only empty files.")
    problems = [network.problem for network in found if network.problem is not None]
    if len(problems) == len(found):
        raise problems[0]
    return found


def one_network(spec: str, argument: str, owner: str) -> NamedNetwork:
    """The only network that one word names, as `argument` of `owner`.

    Raises:
        InvalidArchitecture, WrongInput: as `read_networks`; InvalidArgument where it names several.
    """
    found = read_networks([spec])
    if len(found) > 1:
        raise InvalidArgument(argument, owner, f"name one network, not {len(found)}", spec)
    return found[0]


def networks_of(spec: str) -> list[NamedNetwork]:
    """The networks that one word names; what is none has a `problem`. Empty files name none."""
    path = Path(spec)
    try:
        if _is_file(path):
            return _from_file(path)
        if is_name(spec):
            return [NamedNetwork(named.name, make=named.make) for named in named_modules(spec)]
        missing = path.suffix in (".json", ".jsonl") or (path.parent != Path() and not spec.lstrip().startswith("{"))
        raise InvalidArgument("ARCH", "presage", "be an existing file" if missing else f"be {FORMS}", spec)
    except WrongInput as problem:
        return [NamedNetwork(spec, problem=problem)]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # longer than a name may be: JSON itself, say
        return False


def _from_file(path: Path) -> list[NamedNetwork]:
    try:
        text = read_text(path)
    except UnicodeDecodeError:
        raise InvalidArchitecture(
            f"{path} must be a text file of architecture JSON. Got bytes that are neither UTF-8 nor UTF-16."
        ) from None
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if len(lines) > 1 and not all(line.lstrip().startswith("{") and line.rstrip().endswith("}") for _, line in lines):
        return [_located(path.name, path.name, text)]  # one object over several lines
    return [
        _located(f"{path.name}:{number}" if len(lines) > 1 else path.name, f"{path.name}:{number}", line)
        for number, line in lines
    ]


def architecture_of_text(text: str) -> Architecture:
    """The architecture of a JSON text: its own, or that of a file which `presage train` or a search left.

    Raises:
        InvalidArchitecture: the text describes no network.
    """
    from presage.architecture.serial import from_json, loads

    return from_json(bound) if (bound := _of_search(text)) is not None else loads(text)


def _located(name: str, where: str, text: str) -> NamedNetwork:
    try:
        return NamedNetwork(name, architecture_of_text(text))
    except InvalidArchitecture as error:
        return NamedNetwork(name, problem=InvalidArchitecture(f"{where}: {error}"))


def _of_search(text: str) -> object:
    """The architecture's JSON in what `presage train` or a search left of a network; None in other texts."""
    from presage.training.model import FORMAT

    if FORMAT not in text:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None  # the reader of architectures says what is wrong
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        return None
    return value.get("architecture", {})


def traced(module: nn.Module, name: str) -> Architecture:
    """The architecture of a module, followed on the first image shape that it accepts.

    Raises:
        InvalidArchitecture: names the module and what of it no architecture can represent.
    """
    from presage.architecture.torch_bridge.trace import trace

    error: WrongInput | None = None
    for shape in TRACE_SHAPES:
        try:
            return trace(module, shape)
        except WrongInput as problem:
            error = error or problem
    assert error is not None
    raise InvalidArchitecture(f"{name}: {error}")


def costs_of(named: NamedArchitecture, input_shape: Sequence[int], classes: int) -> Costs:
    """What a network costs on images (channels, height, width).

    Raises:
        InvalidArchitecture: it cannot take the images, or is too large to be built; names it.
    """
    from presage.architecture.costs import MOST_PARAMETERS, costs

    try:
        found = costs(named.architecture.canonical, input_shape, classes)
    except InvalidArchitecture as error:
        shape = "×".join(map(str, input_shape))
        hint = " Try a larger --image-side." if _takes_larger(named, input_shape, classes) else ""
        raise InvalidArchitecture(f"{named.name} cannot take images of {shape}: {error}{hint}") from None
    if found.parameters > MOST_PARAMETERS:
        raise InvalidArchitecture(
            f"{named.name} must have at most {MOST_PARAMETERS:,} parameters. Got {found.parameters:,}."
        )
    return found


def _takes_larger(named: NamedArchitecture, input_shape: Sequence[int], classes: int) -> bool:
    """Whether the network takes images of two, four or eight times the side."""
    from presage.architecture.costs import costs

    channels, *sides = input_shape
    for times in (2, 4, 8):
        try:
            costs(named.architecture.canonical, (channels, *(times * side for side in sides)), classes)
        except InvalidArchitecture:
            continue
        return True
    return False
