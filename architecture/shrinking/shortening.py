"""A network with fewer blocks: `removable`, the blocks that can go, and `shortened`, the network without some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Add
from presage.architecture.stages import bottlenecks

__all__ = ["Block", "removable", "shortened"]


@dataclass(frozen=True, slots=True)
class Block:
    """Nodes after `before`, up to and with `last`: what reads `last` may read `before`, which has its shape.

    Attributes:
        side: pixels of both maps.
        layers: weighted layers that would go.
    """

    before: int
    last: int
    side: int
    layers: int


def removable(architecture: Architecture, input_shape: Sequence[int], classes: int) -> tuple[Block, ...]:
    """The blocks of a network that can go, one by one or all, in order; those that change a shape are none.

    A block lies between two nodes that every path goes through, of one shape: from one sum to the next, as in residual
    networks, or from one convolution (normalisation, activation, …) to the next, as in plain ones.

    Raises:
        InvalidArchitecture: where the network does not take such images.
    """
    nodes, shapes = architecture.nodes, architecture.shapes(input_shape, classes)
    places = bottlenecks(architecture)
    read = Counter(source for node in nodes for source in node.inputs)
    found: list[Block] = []
    at = 0
    while at < len(places):
        before = places[at]
        for later, last in enumerate(places[at + 1 :], start=at + 1):
            layers = sum(node.operation.weighted for node in nodes[before + 1 : last + 1])
            of_one_kind = type(nodes[last].operation) is type(nodes[before].operation)
            around = (
                isinstance(nodes[last].operation, Add) and read[before] > 1
            )  # the sum of a branch and what it reads
            if layers and (of_one_kind or around) and shapes[last] == shapes[before]:
                found.append(Block(before, last, max(shapes[last][1:], default=1), layers))
                at = later
                break
        else:
            at += 1
    return tuple(found)


def shortened(architecture: Architecture, blocks: Collection[Block]) -> Architecture:
    """The network without some of its `removable` blocks, in canonical form; it takes and gives the same shapes."""
    instead = {block.last: block.before for block in blocks}
    nodes = (
        Node(node.operation, tuple(_left(source, instead) for source in node.inputs)) for node in architecture.nodes
    )
    return Architecture(tuple(nodes)).canonical


def _left(source: int, instead: Mapping[int, int]) -> int:
    """What is read in place of a node: the blocks before its own may have gone, too."""
    while source in instead:
        source = instead[source]
    return source
