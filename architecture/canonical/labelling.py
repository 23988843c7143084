"""Labels that tell the nodes of a graph apart by what surrounds them, not by their order.

Colour refinement on a directed graph: a node's label is hashed from its operation and the labels of what it reads, then
of what reads it, until no more nodes can be told apart. Parallel parts that are alike are then marked in any order;
where equals remain even so, one of them is marked, that which gives the smallest labels, and refinement goes on.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict

from presage.architecture.canonical.rewriting import key
from presage.architecture.operation import Operation

__all__ = ["labels"]

_MARK = b"marked"
_PLACES = [bytes([position]) for position in range(256)]


def labels(operations: list[Operation], inputs: list[tuple[int, ...]]) -> list[bytes]:
    """A different label for every node, the same in every numbering of the graph (up to its automorphisms).

    Args:
        operations: of each node.
        inputs: nodes that each node reads, which may stand before or after it.
    """
    graph = _Graph(operations, inputs)
    found = graph.refine([_hash(key(operation)) for operation in operations])
    while len(set(found)) < len(found):
        marked = graph.mark_alike(found)
        if marked != found:
            found = graph.refine(marked)
        else:
            count = Counter(found)
            smallest = min(label for label in found if count[label] > 1)
            tied = [node for node, label in enumerate(found) if label == smallest]
            found = min((graph.refine(_marked(found, [node], 0)) for node in tied), key=sorted)
    return found


class _Graph:
    def __init__(self, operations: list[Operation], inputs: list[tuple[int, ...]]) -> None:
        self.inputs = inputs
        self.ordered = [not operation.commutes for operation in operations]
        readers: list[list[tuple[int, int]]] = [[] for _ in inputs]
        for node, sources in enumerate(inputs):
            for position, source in enumerate(sources):
                readers[source].append((node, min(position, 255) if self.ordered[node] else 0))
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
            parts = [new[reader] + _PLACES[position] for reader, position in self.readers[node]]
            if len(parts) > 1:
                parts.sort()
            new[node] = _hash(found[node] + b"".join(parts))
        return new

    def mark_alike(self, found: list[bytes]) -> list[bytes]:
        """Parallel parts of the graph that are alike, such as two equal branches, told apart by a mark.

        A part is a set of connected nodes, each with the label of some other node. If its own labels differ from one
        another, then any other part with these labels is the same in every respect, and any order of them will do.
        """
        count = Counter(found)
        tied = {node for node, label in enumerate(found) if count[label] > 1}
        parts: dict[tuple[bytes, ...], list[list[int]]] = defaultdict(list)
        while tied:
            part = [tied.pop()]
            for node in part:
                near = (*self.inputs[node], *(reader for reader, _ in self.readers[node]))
                fresh = tied.intersection(near)
                tied -= fresh
                part.extend(fresh)
            parts[tuple(sorted(found[node] for node in part))].append(part)
        for names, alike in parts.items():
            if len(set(names)) == len(names):
                for rank, part in enumerate(alike):
                    found = _marked(found, part, rank)
        return found


def _marked(found: list[bytes], nodes: list[int], rank: int) -> list[bytes]:
    new = list(found)
    for node in nodes:
        new[node] = _hash(_MARK + rank.to_bytes(4, "big") + found[node])
    return new


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
