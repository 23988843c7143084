"""The one text of a graph: equal graphs, equal text; architectures are stored and hashed by it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from presage.architecture.node import Node
from presage.architecture.operations import Operation

__all__ = ["FORMAT", "VERSION", "digest", "node_to_json", "text"]

FORMAT = "presage-architecture"
VERSION = 1


def text(nodes: Iterable[Node], form: str = FORMAT) -> str:
    """One line of JSON; `form` is its format."""
    written = []
    for node in nodes:
        before, after = _around(node.operation)
        written.append(f"{before}{','.join(map(str, node.inputs))}{after}")
    return f'{{"format":"{form}","version":{VERSION},"nodes":[{",".join(written)}]}}'


def digest(nodes: Iterable[Node], form: str = FORMAT) -> str:
    """SHA-256 of `text`, 64 hex digits."""
    return hashlib.sha256(text(nodes, form).encode()).hexdigest()


def node_to_json(node: Node) -> dict[str, Any]:
    """A node as an object: its operation, its inputs, every field (later ones unless at their default)."""
    operation = node.operation
    written: dict[str, Any] = {"op": operation.name, "inputs": list(node.inputs)}
    for field in operation.written():
        value = getattr(operation, field)
        written[field] = list(value) if type(value) is tuple else value
    return written


@lru_cache(maxsize=4096)
def _around(operation: Operation) -> tuple[str, str]:
    """The JSON of a node before and after the list of its inputs."""
    written = json.dumps(node_to_json(Node(operation)), separators=(",", ":"))
    before, after = written.split('"inputs":[]')
    return before + '"inputs":[', "]" + after
