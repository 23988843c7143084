"""Labels that tell the nodes of a graph apart by what surrounds them, not by their order.

Colour refinement on a directed graph: a node's label is hashed from its operation and the labels of what it reads, then
of what reads it, until no more nodes can be told apart. Where equals remain (say two identical branches), one of them
is marked, chosen so that the result does not depend on which, and refinement goes on.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict

from architecture.operations import Add, Multiply, Operation
from architecture.rewriting import key

__all__ = ["labels"]

_MARK = b"marked"


def labels(operations: list[Operation], inputs: list[tuple[int, ...]]) -> list[bytes]:
    """A different label for every node, the same in every numbering of the graph (up to its automorphisms).

    Args:
        operations: of each node; the last is the output.
        inputs: nodes that each node reads. Any numbering in which a node comes after its inputs, or not.
    """
    graph = _Graph(operations, inputs)
    found = graph.refine([_hash(key(operation)) for operation in operations])
    while len(set(found)) < len(found):
        classes: dict[bytes, list[int]] = defaultdict(list)
        for node, label in enumerate(found):
            classes[label].append(node)
        tied = min((label, members) for label, members in classes.items() if len(members) > 1)[1]
        if graph.twins(tied):
            for rank, node in enumerate(tied):  # interchangeable: any order will do
                found[node] = _hash(_MARK + rank.to_bytes(4, "big") + found[node])
            found = graph.refine(found)
        else:
            found = min((graph.refine(_marked(found, node)) for node in tied), key=sorted)
    return found


class _Graph:
    def __init__(self, operations: list[Operation], inputs: list[tuple[int, ...]]) -> None:
        self.inputs = inputs
        self.ordered = [not isinstance(operation, Add | Multiply) for operation in operations]
        readers: list[list[tuple[int, int]]] = [[] for _ in inputs]
        for node, sources in enumerate(inputs):
            for position, source in enumerate(sources):
                readers[source].append((node, position if self.ordered[node] else 0))
        self.readers = readers
        self.sequence = _topological(inputs, readers)

    def refine(self, found: list[bytes]) -> list[bytes]:
        count = len(set(found))
        while True:
            found = self._downwards(self._upwards(found))
            now = len(set(found))
            if now in (count, len(found)):
                return found
            count = now

    def _upwards(self, found: list[bytes]) -> list[bytes]:
        """From the image to the classifier: each label takes in those of all that its node is computed from."""
        new = list(found)
        for node in self.sequence:
            parts = [new[source] for source in self.inputs[node]]
            if not self.ordered[node]:
                parts.sort()
            new[node] = _hash(found[node] + b"".join(parts))
        return new

    def _downwards(self, found: list[bytes]) -> list[bytes]:
        """From the classifier to the image: each label takes in those of all that reads its node."""
        new = list(found)
        for node in reversed(self.sequence):
            parts = sorted(new[reader] + position.to_bytes(4, "big") for reader, position in self.readers[node])
            new[node] = _hash(found[node] + b"".join(parts))
        return new

    def twins(self, nodes: list[int]) -> bool:
        """Whether the nodes read the same and are read by the same, in the same places."""
        first = nodes[0]
        inputs, readers = self._sources(first), sorted(self.readers[first])
        return all(self._sources(node) == inputs and sorted(self.readers[node]) == readers for node in nodes[1:])

    def _sources(self, node: int) -> list[int]:
        return list(self.inputs[node]) if self.ordered[node] else sorted(self.inputs[node])


def _marked(found: list[bytes], node: int) -> list[bytes]:
    return [_hash(_MARK + label) if index == node else label for index, label in enumerate(found)]


def _topological(inputs: list[tuple[int, ...]], readers: list[list[tuple[int, int]]]) -> list[int]:
    pending = [len(sources) for sources in inputs]
    ready = [node for node, count in enumerate(pending) if count == 0]
    sequence = []
    while ready:
        node = ready.pop()
        sequence.append(node)
        for reader, _ in readers[node]:
            pending[reader] -= 1
            if pending[reader] == 0:
                ready.append(reader)
    return sequence


def _hash(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()
