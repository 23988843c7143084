"""A network with cheaper blocks in place of its own: the substitutes of BlockSwap (arXiv 1906.04113), in any graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from presage.architecture.graph import Architecture, Node
from presage.architecture.node import readers_of
from presage.architecture.operation import Operation
from presage.architecture.operations import Activation, BatchNorm, Convolution, Input
from presage.architecture.spaces.blocks import FULL, KINDS
from presage.errors import InvalidArchitecture

__all__ = ["STANDARD", "Unit", "substitutes", "swapped", "units"]

STANDARD = next(iter(KINDS))
_PAIR = 2


@dataclass(frozen=True, slots=True)
class Unit:
    """What is swapped as one: two convolutions in a row of windows wider than a pixel, or a single one.

    Attributes:
        convolutions: nodes of the one or two convolutions.
        between: nodes from the first to the second, each of one input: normalisation, activation and the like.
    """

    convolutions: tuple[int, ...]
    between: tuple[int, ...]


def units(architecture: Architecture) -> tuple[Unit, ...]:
    """The parts of a network that can be swapped, in order: dense convolutions of features, not of the image."""
    nodes = architecture.nodes
    readers = readers_of(nodes)
    found, taken = [], set[int]()
    for index, node in enumerate(nodes):
        if index in taken or not _swappable(architecture, index):
            continue
        between, at = [], index
        while len(readers[at]) == 1 and nodes[readers[at][0]].operation.elementwise:
            at = readers[at][0]
            if len(nodes[at].inputs) > 1:
                break
            between.append(at)
        second = readers[at][0] if len(readers[at]) == 1 else index
        if (
            second not in taken
            and second != index
            and _swappable(architecture, second)
            and _follows(node, nodes[second])
        ):
            taken.add(second)
            found.append(Unit((index, second), tuple(between)))
        else:
            found.append(Unit((index,), ()))
    return tuple(found)


def substitutes(architecture: Architecture, unit: Unit, input_shape: Sequence[int], classes: int) -> tuple[str, ...]:
    """The kinds (of `KINDS`) that a unit can be swapped for at images ``(c, h, w)``, the standard one left out."""
    found = []
    for kind in KINDS:
        if kind == STANDARD:
            continue
        try:
            swapped(architecture, {unit: kind}, input_shape, classes).shapes(input_shape, classes)
        except InvalidArchitecture:
            continue
        found.append(kind)
    return tuple(found)


def swapped(
    architecture: Architecture, kinds: Mapping[Unit, str], input_shape: Sequence[int], classes: int
) -> Architecture:
    """The network with some units swapped, in canonical form; it takes and gives the same shapes.

    Of a grouped kind each convolution becomes a grouped one, a normalisation and a pointwise one; of a bottleneck all
    become a pointwise convolution to fewer channels, one (perhaps grouped) there, and one back, with what was between
    the two convolutions between these.

    Raises:
        InvalidArchitecture: channels do not go into the groups.
    """
    shapes = architecture.shapes(input_shape, classes)
    writer = _Writer(architecture)
    for unit, kind in kinds.items():
        if kind == STANDARD:
            continue
        divisor, groups = KINDS[kind]
        if divisor > 1:
            writer.bottleneck(unit, divisor, groups)
        else:
            for index in unit.convolutions:
                read = shapes[architecture.nodes[index].inputs[0]][0]
                writer.grouped(index, read, read if groups == FULL else groups)
    return writer.finish()


def _swappable(architecture: Architecture, index: int) -> bool:
    node = architecture.nodes[index]
    operation = node.operation
    if not isinstance(operation, Convolution) or isinstance(architecture.nodes[node.inputs[0]].operation, Input):
        return False
    plain = replace(Convolution(operation.channels), **{name: getattr(operation, name) for name in _SHAPING})
    return operation == plain and operation.groups == 1 and max(operation.kernel) > 1


_SHAPING = ("kernel", "stride", "padding", "dilation", "groups", "bias")


def _follows(first: Node, second: Node) -> bool:
    one, other = first.operation, second.operation
    assert isinstance(one, Convolution)
    assert isinstance(other, Convolution)
    return one.channels == other.channels and other.stride == (1, 1)


class _Writer:
    """Nodes to be put in place of others, each a chain after the first input of the node that it replaces."""

    def __init__(self, architecture: Architecture) -> None:
        self._nodes = architecture.nodes
        self._chains: dict[int, list[Operation]] = {}
        self._source: dict[int, int] = {}  # whose place a chain takes → what it reads

    def grouped(self, index: int, read: int, groups: int) -> None:
        operation = self._convolution(index)
        wide = replace(operation, channels=read, groups=groups, bias=False)
        self._chains[index] = [wide, BatchNorm(), _pointwise(operation.channels, bias=operation.bias)]

    def bottleneck(self, unit: Unit, divisor: int, groups: int) -> None:
        first, last = self._convolution(unit.convolutions[0]), self._convolution(unit.convolutions[-1])
        inner = last.channels // divisor
        if inner < 1:
            raise InvalidArchitecture(f"A bottleneck of {last.channels} channels cannot be {divisor} times as narrow.")
        between: list[Operation] = [self._nodes[index].operation for index in unit.between]
        between = between if len(unit.convolutions) == _PAIR else [BatchNorm(), Activation()]
        wide = replace(first, channels=inner, groups=inner if groups == FULL else groups, bias=False)
        self._chains[unit.convolutions[-1]] = [
            _pointwise(inner), *between, wide, *between, _pointwise(last.channels, bias=last.bias),
        ]  # fmt: skip
        self._source[unit.convolutions[-1]] = self._nodes[unit.convolutions[0]].inputs[0]

    def finish(self) -> Architecture:
        nodes: list[Node] = []
        place: dict[int, int] = {}
        for index, node in enumerate(self._nodes):
            sources = tuple(place[source] for source in node.inputs)
            chain = self._chains.get(index)
            if chain is None:
                nodes.append(Node(node.operation, sources))
            else:
                at = place[self._source[index]] if index in self._source else sources[0]
                for operation in chain:
                    nodes.append(Node(operation, (at,)))
                    at = len(nodes) - 1
            place[index] = len(nodes) - 1
        return Architecture(tuple(nodes)).canonical

    def _convolution(self, index: int) -> Convolution:
        operation = self._nodes[index].operation
        assert isinstance(operation, Convolution)
        return operation


def _pointwise(channels: int, *, bias: bool = False) -> Convolution:
    return Convolution(channels, (1, 1), padding=(0, 0), bias=bias)
