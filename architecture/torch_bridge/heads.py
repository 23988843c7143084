"""What was written down, as an architecture's nodes: its end made the classifier, what nothing needs left out."""

from __future__ import annotations

from dataclasses import dataclass

from presage.architecture.graph import Node
from presage.architecture.node import readers_of
from presage.architecture.operations import Activation, Convolution, Dropout, Flatten, Identity, Linear, Unflatten
from presage.architecture.torch_bridge.classifiers import classified
from presage.architecture.torch_bridge.layouts import NodeWriter, Refused, Value, settled
from presage.architecture.torch_bridge.operands import Source, Weights
from presage.architecture.torch_bridge.spellings import respelled

__all__ = ["Pruned", "headed"]


@dataclass(frozen=True)
class Pruned:
    """Nodes from the image to the classifier, in order.

    Attributes:
        nodes: all of them live.
        sources: for each the tensors of the module that it holds.
        written: for each its place among the nodes that were written down.
        classes: outputs of the classifier.
        behind: what came after the logits and is not kept: `softmax` (or its logarithm), `sigmoid`; "" for nothing.
        notes: what else was left out.
    """

    nodes: tuple[Node, ...]
    sources: tuple[tuple[Source, ...], ...]
    written: tuple[int, ...]
    classes: int
    behind: str
    notes: tuple[str, ...] = ()


def headed(writer: NodeWriter, weights: Weights, output: Value) -> Pruned:
    """The network that ends at `output`.

    Raises:
        Refused: it does not end as a classifier does, or uses some weights twice.
    """
    last = settled(writer, output).index
    behind, notes = "", []
    while True:
        operation = writer.nodes[last].operation
        if isinstance(operation, Dropout):
            notes = ["dropout behind its logits left out"]
        elif isinstance(operation, Activation) and operation.function in ("softmax", "sigmoid"):
            behind = operation.function
        else:
            break
        last = writer.nodes[last].inputs[0]
    head = classified(writer, last, weights.sources)
    nodes = respelled(_gates_as_maps(head.nodes, last, writer), last)
    live = {last}
    for index in range(last, 0, -1):
        if index in live:
            live.update(nodes[index].inputs)
    order = _without_identities(nodes, sorted(live | {0}))
    place = {index: position for position, index in enumerate(order)}

    def source(index: int) -> int:
        while index not in place:
            index = nodes[index].inputs[0]
        return place[index]

    kept = tuple(Node(nodes[index].operation, tuple(map(source, nodes[index].inputs))) for index in order)
    found = tuple(tuple(head.sources.get(index, ())) for index in order)
    _refuse_twice(found)
    return Pruned(kept, found, tuple(order), head.classes, behind, tuple(notes))


def _without_identities(nodes: list[Node], order: list[int]) -> list[int]:
    return [index for index in order if not isinstance(nodes[index].operation, Identity)]


def _gates_as_maps(nodes: list[Node], last: int, writer: NodeWriter) -> list[Node]:
    """Linear layers between a pooled map and a map of one pixel (a gate of squeeze-and-excitation) as convolutions of
    one pixel: one network, however its gate is spelled."""
    made = list(nodes)
    readers = readers_of(nodes)
    for index, node in enumerate(nodes):
        if not isinstance(node.operation, Unflatten):
            continue
        inside, stack = set[int](), [index]
        while stack:
            for source in nodes[stack.pop()].inputs:
                if source not in inside:
                    inside.add(source)
                    if not isinstance(nodes[source].operation, Flatten):
                        stack.append(source)
        roots = [at for at in inside if isinstance(nodes[at].operation, Flatten)]
        shapes = writer.shapes
        if (
            not roots
            or any(shapes[nodes[root].inputs[0]][1:] != (1, 1) for root in roots)
            or any(len(shapes[at]) == 3 for at in inside)
            or any(reader not in inside and not _unflattens(nodes, reader) for at in inside for reader in readers[at])
            or last in inside
        ):
            continue
        for at in inside:
            operation = nodes[at].operation
            if isinstance(operation, Linear):
                made[at] = Node(
                    Convolution(
                        operation.features, (1, 1), (1, 1), (0, 0), bias=operation.bias, gain=operation.gain,
                        spectral=operation.spectral,
                    ),
                    made[at].inputs,
                )  # fmt: skip
            elif isinstance(operation, Flatten):
                made[at] = Node(Identity(), made[at].inputs)
        made[index] = Node(Identity(), made[index].inputs)
    return made


def _unflattens(nodes: list[Node], reader: int) -> bool:
    """Whether a reader makes a map of what it reads, too."""
    return isinstance(nodes[reader].operation, Unflatten)


def _refuse_twice(found: tuple[tuple[Source, ...], ...]) -> None:
    seen: set[str] = set()
    for sources in found:
        for name in dict.fromkeys(source.tensor for source in sources if source.tensor):
            if name in seen:
                raise Refused(f"its weights `{name}` are used twice, and a graph's layers share none")
            seen.add(name)
