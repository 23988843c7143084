"""Architectures as JSON: strict, versioned, one line each.

::

    {"format": "presage-architecture", "version": 1, "nodes": [
        {"op": "input", "inputs": []},
        {"op": "convolution", "inputs": [0], "channels": 16, "kernel": [3, 3], …}, …]}

Every field of every operation is always written, in one order, so that equal architectures have equal text; but for
fields that came later (`Operation.later`), which are written where they are not at their default.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import BY_NAME, Operation, shown
from presage.architecture.text import FORMAT, VERSION, node_to_json
from presage.architecture.text import digest as digest_of
from presage.architecture.text import text as text_of
from presage.errors import InvalidArchitecture, UnknownName
from presage.files import read_text

__all__ = [
    "FORMAT",
    "VERSION",
    "digest",
    "dumps",
    "from_json",
    "loads",
    "nodes_from_json",
    "parsed",
    "read_jsonl",
    "to_json",
    "write_jsonl",
]

MOST_NODES = 100_000


def to_json(architecture: Architecture) -> dict[str, Any]:
    """The architecture as an object of plain lists, strings, integers and flags."""
    return {"format": FORMAT, "version": VERSION, "nodes": [node_to_json(node) for node in architecture.nodes]}


def from_json(value: object) -> Architecture:
    """The architecture that `to_json` wrote.

    Raises:
        InvalidArchitecture: one line that names the node, the rule and the value.
    """
    return Architecture(nodes_from_json(value))


def nodes_from_json(
    value: object, form: str = FORMAT, kinds: Mapping[str, type[Operation]] = BY_NAME, owner: str = "an architecture"
) -> tuple[Node, ...]:
    """The nodes of an object of the format `form`, whose operations are of these `kinds`, by name.

    Raises:
        InvalidArchitecture: one line that names the node, the rule and the value.
    """
    capital = owner[0].upper() + owner[1:]
    if not isinstance(value, dict):
        raise InvalidArchitecture(f"{capital} must be a JSON object. Got {shown(value)}.")
    if value.get("format") != form:
        raise InvalidArchitecture(f'The `format` of {owner} must be "{form}". Got {shown(value.get("format"))}.')
    version = value.get("version")
    if type(version) is not int or version < 1:
        raise InvalidArchitecture(f"The `version` of {owner} must be an integer from 1. Got {shown(version)}.")
    if version > VERSION:
        raise InvalidArchitecture(
            f"The {owner.split()[-1]} has format version {version}; this presage reads up to {VERSION}. "
            "Upgrade presage."
        )
    _exact_keys(value, ("format", "version", "nodes"), capital)
    nodes = value["nodes"]
    if not isinstance(nodes, list) or len(nodes) > MOST_NODES:
        got = f"{len(nodes)} nodes" if isinstance(nodes, list) else shown(nodes)
        raise InvalidArchitecture(f"The `nodes` must be a list of at most {MOST_NODES} nodes. Got {got}.")
    return tuple(_node_from_json(index, node, len(nodes), kinds) for index, node in enumerate(nodes))


def dumps(architecture: Architecture) -> str:
    """One line of JSON, the same for equal architectures."""
    return text_of(architecture.nodes)


def loads(text: str | bytes) -> Architecture:
    """The architecture in a JSON text.

    Raises:
        InvalidArchitecture: where the text is no JSON or no architecture.
    """
    return from_json(parsed(text))


def parsed(text: str | bytes, owner: str = "an architecture") -> object:
    """What a JSON text holds, strictly: no key twice, no numbers that are none.

    Raises:
        InvalidArchitecture: where the text is no JSON.
    """
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except InvalidArchitecture:
        raise
    except RecursionError:
        raise InvalidArchitecture(f"The text is nested too deeply to be {owner}.") from None
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise InvalidArchitecture(f"The text is no JSON: {reason}. Got {shown(text)}.") from None
    return value


def read_jsonl(path: str | Path) -> list[Architecture]:
    """The architectures of a file, one JSON object a line; empty lines are passed over.

    Raises:
        InvalidArchitecture: names the file and the line.
    """
    found = []
    try:
        text = read_text(Path(path))
    except OSError as error:
        raise InvalidArchitecture(f"Cannot read architectures from {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidArchitecture(f"{path} is not a text file of architectures (JSON lines).") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                found.append(loads(line))
            except InvalidArchitecture as error:
                raise InvalidArchitecture(f"{path}, line {number}: {error}") from None
    if not found:
        raise InvalidArchitecture(f"{path} holds no architecture: one JSON object a line is needed.")
    return found


def write_jsonl(path: str | Path, architectures: Iterable[Architecture]) -> None:
    """Writes one architecture a line."""
    Path(path).write_text("".join(dumps(architecture) + "\n" for architecture in architectures), encoding="utf-8")


def digest(architecture: Architecture) -> str:
    """SHA-256 of `dumps`, 64 hex digits. Two ways of writing one function differ; see `Architecture.hash`."""
    return digest_of(architecture.nodes)


def _node_from_json(index: int, value: object, count: int, kinds: Mapping[str, type[Operation]]) -> Node:
    if not isinstance(value, dict):
        raise InvalidArchitecture(f"Node {index} must be an object. Got {shown(value)}.")
    name = value.get("op")
    if not isinstance(name, str):
        raise InvalidArchitecture(f"Node {index}: its `op` must be the name of an operation. Got {shown(name)}.")
    kind = kinds.get(name)
    if kind is None:
        raise InvalidArchitecture(f"Node {index}: {UnknownName('operation', name[:80], kinds)}")
    names = tuple(field for field in kind.field_names() if field in value or field not in kind.later)
    _exact_keys(value, ("op", "inputs", *names), f"Node {index} (`{name}`)")
    inputs = value["inputs"]
    if not isinstance(inputs, list) or any(type(source) is not int for source in inputs):
        raise InvalidArchitecture(
            f"Node {index} (`{name}`): `inputs` must be a list of positions. Got {shown(inputs)}."
        )
    for source in inputs:
        if not 0 <= source < count:
            raise InvalidArchitecture(f"Node {index} (`{name}`) reads node {source}, which is missing.")
    try:
        operation: Operation = kind(**{field: _field(value[field]) for field in names})
    except InvalidArchitecture as error:
        raise InvalidArchitecture(f"Node {index}: {error}") from None
    return Node(operation, tuple(inputs))


def _field(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _exact_keys(value: dict[str, Any], known: tuple[str, ...], owner: str) -> None:
    for key in known:
        if key not in value:
            raise InvalidArchitecture(f"{owner} lacks `{key}`.")
    for key in value:
        if key not in known:
            raise InvalidArchitecture(f"{owner}: {UnknownName('key', str(key)[:80], known)}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidArchitecture("A key appears twice in one JSON object.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidArchitecture(f"An architecture holds no {name}: its numbers are integers.")
