"""`deepen`, `add_skip`, `add_branch`: networks with nodes more, which change nothing at first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from presage.architecture.graph import Architecture, Node
from presage.architecture.morphing.copying import refused
from presage.architecture.morphing.morphism import FRESH, Morphism, Start
from presage.architecture.operation import Operation, Shape
from presage.architecture.operations import (
    Activation,
    Add,
    AveragePool,
    BatchNorm,
    Classifier,
    Convolution,
    Linear,
    MaxPool,
    PadLowest,
    Scale,
)
from presage.errors import InvalidArgument, UnknownName

__all__ = ["BRANCHES", "add_branch", "add_skip", "deepen"]

CONVOLUTION, SEPARABLE, MAX_POOL, AVERAGE_POOL = "convolution", "separable", "max_pool", "average_pool"
BRANCHES = (CONVOLUTION, SEPARABLE, MAX_POOL, AVERAGE_POOL)
"""What a branch computes: a convolution; a depthwise and a pointwise one; a pooling, of what has as many channels."""


@dataclass
class _Insertion:
    """Nodes that follow one of a network, and are read in its place. What they read is a node of the network, or one of
    themselves, counted from its number of nodes on."""

    architecture: Architecture
    after: int
    nodes: list[Node] = field(default_factory=list)
    starts: dict[int, Start] = field(default_factory=dict)

    def add(self, operation: Operation, *inputs: int, start: Start | None = None) -> int:
        self.nodes.append(Node(operation, inputs))
        if start is not None:
            self.starts[self.after + len(self.nodes)] = start
        return len(self.architecture.nodes) + len(self.nodes) - 1

    def finish(self, how: str) -> Morphism:
        own, count, more = self.architecture.nodes, len(self.architecture.nodes), len(self.nodes)

        def place(source: int) -> int:
            if source >= count:
                return self.after + 1 + source - count
            return source if source <= self.after else source + more

        def read(source: int) -> int:
            return self.after + more if source == self.after else place(source)

        fresh = [Node(node.operation, tuple(map(place, node.inputs))) for node in self.nodes]
        later = [Node(node.operation, tuple(map(read, node.inputs))) for node in own[self.after + 1 :]]
        origins = (*range(self.after + 1), *[FRESH] * more, *range(self.after + 1, count))
        found = Architecture((*own[: self.after + 1], *fresh, *later))
        return Morphism(found, how, origins, self.starts)


def deepen(
    architecture: Architecture, input_shape: Sequence[int], classes: int, after: int, kernel: int = 3
) -> Morphism:
    """The network with a layer more behind a node: a convolution that hands on what it reads (or a fully connected
    layer, where that is flat), a normalisation with the statistics of what it reads, and an activation.

    The activation is the node's own where it hands on what it gave itself, and a ReLU behind what is never negative.

    Reference: Chen et al., *Net2Net*, 2016, arXiv 1511.05641, section 2.3.

    Args:
        after: the node.
        kernel: of the convolution, odd.

    Raises:
        InvalidArchitecture: behind this node an activation would change something.
        InvalidArgument: no such node, or a kernel that is not odd.
    """
    _check_kernel(kernel, "deepen")
    shape = _shape_of(architecture, input_shape, classes, after, "deepen")
    own = architecture.nodes[after].operation
    if isinstance(own, Activation) and own.known.idempotent:
        activation = own
    elif _never_negative(architecture)[after]:
        activation = Activation()
    else:
        raise refused(after, own, "may be negative: an activation behind it would change it")
    layer, insertion = _layer(shape, kernel, (1, 1)), _Insertion(architecture, after)
    made = insertion.add(layer, after, start=Start.IDENTITY)
    insertion.add(activation, insertion.add(BatchNorm(), made, start=Start.IDENTITY))
    return insertion.finish(f"`{layer.name}` of {shape[0]} inserted after {after}")


def add_skip(architecture: Architecture, input_shape: Sequence[int], classes: int, source: int, to: int) -> Morphism:
    """The network with one node added to a later one, by learned weights that are zero at first (arXiv 1711.04528,
    type IV). Where the shapes differ, through a convolution of kernel 1 and a normalisation.

    Raises:
        InvalidArchitecture: no convolution brings one to the shape of the other.
        InvalidArgument: no such nodes, or not in this order.
    """
    reads, gives = _shapes_of_two(architecture, input_shape, classes, source, to, "add_skip")
    insertion = _Insertion(architecture, to)
    if reads == gives:
        made = insertion.add(Scale(), source, start=Start.ZERO)
    else:
        layer = insertion.add(_to_shape(architecture, source, reads, gives, 1), source, start=Start.DRAWN)
        made = insertion.add(BatchNorm(), layer, start=Start.ZERO)
    insertion.add(Add(), to, made)
    return insertion.finish(f"skip connection from {source} to {to}")


def add_branch(
    architecture: Architecture,
    input_shape: Sequence[int],
    classes: int,
    source: int,
    to: int,
    kind: str = CONVOLUTION,
    kernel: int = 3,
) -> Morphism:
    """The network with a branch more from one node to a later one, to which it is added; it gives zeros at first.

    Args:
        kind: one of `BRANCHES`; of what is flat a fully connected layer, whatever the kind.
        kernel: of its window, odd.

    Raises:
        InvalidArchitecture: no such branch brings one to the shape of the other.
        InvalidArgument: no such nodes, not in this order, or a kernel that is not odd.
        UnknownName: no such kind.
    """
    if kind not in BRANCHES:
        raise UnknownName("kind of branch", kind, BRANCHES)
    _check_kernel(kernel, "add_branch")
    reads, gives = _shapes_of_two(architecture, input_shape, classes, source, to, "add_branch")
    insertion, operation = _Insertion(architecture, to), architecture.nodes[source].operation
    stride = _stride(source, operation, reads, gives)
    if kind in (MAX_POOL, AVERAGE_POOL) and len(reads) == 3:
        if reads[0] != gives[0]:
            raise refused(source, operation, f"has {reads[0]} channels, and a pooling makes no {gives[0]} of them")
        pool = MaxPool if kind == MAX_POOL else AveragePool
        made = insertion.add(pool((kernel, kernel), stride, (kernel // 2, kernel // 2)), source)
        made = insertion.add(Scale(), made, start=Start.ZERO)
    else:
        made = source
        if kind == SEPARABLE and len(reads) == 3:
            depthwise = _convolution(reads[0], kernel, stride, groups=reads[0])
            made = insertion.add(depthwise, made, start=Start.DRAWN)
            made = insertion.add(BatchNorm(), made, start=Start.DRAWN)
            reads, kernel = (reads[0], *gives[1:]), 1
        made = insertion.add(_to_shape(architecture, source, reads, gives, kernel), made, start=Start.DRAWN)
        made = insertion.add(BatchNorm(), made, start=Start.ZERO)
    insertion.add(Add(), to, made)
    return insertion.finish(f"branch ({kind}) from {source} to {to}")


def _check_kernel(kernel: int, owner: str) -> None:
    if kernel < 1 or kernel % 2 == 0:
        raise InvalidArgument("kernel", owner, "be odd", kernel)


def _shape_of(architecture: Architecture, input_shape: Sequence[int], classes: int, at: int, owner: str) -> Shape:
    shapes = architecture.shapes(input_shape, classes)
    if not 0 <= at < len(shapes):
        raise InvalidArgument("node", owner, f"be a node from 0 to {len(shapes) - 1}", at)
    if isinstance(architecture.nodes[at].operation, Classifier):
        raise refused(at, architecture.nodes[at].operation, "ends the network: nothing follows it")
    return shapes[at]


def _shapes_of_two(
    architecture: Architecture, input_shape: Sequence[int], classes: int, source: int, to: int, owner: str
) -> tuple[Shape, Shape]:
    if source >= to:
        raise InvalidArgument("to", owner, f"be a later node than {source}", to)
    reads = _shape_of(architecture, input_shape, classes, source, owner)
    gives, operation = _shape_of(architecture, input_shape, classes, to, owner), architecture.nodes[source].operation
    if len(reads) != len(gives):
        raise refused(source, operation, "is a map, and what it would be added to is flat, or the other way round")
    if _infinite(architecture)[source]:
        raise refused(source, operation, "gives infinities, which times zero are not zero")
    return reads, gives


def _to_shape(architecture: Architecture, source: int, reads: Shape, gives: Shape, kernel: int) -> Operation:
    """The layer that makes one shape of another."""
    operation = architecture.nodes[source].operation
    return _layer(gives, kernel, _stride(source, operation, reads, gives))


def _layer(shape: Shape, kernel: int, stride: tuple[int, int]) -> Operation:
    return Linear(shape[0], bias=False) if len(shape) == 1 else _convolution(shape[0], kernel, stride)


def _convolution(channels: int, kernel: int, stride: tuple[int, int], groups: int = 1) -> Convolution:
    half = kernel // 2
    return Convolution(channels, (kernel, kernel), stride, (half, half), groups=groups)


def _stride(source: int, operation: Operation, reads: Shape, gives: Shape) -> tuple[int, int]:
    """By which windows with a padding of half their odd kernel bring the sides of one shape to those of another; (1, 1)
    where both are flat."""
    found: list[int] = []
    for read, made in zip(reads[1:], gives[1:], strict=True):
        fitting = [step for step in {read // made, -(-read // made)} if step and (read - 1) // step + 1 == made]
        if not fitting:
            sides = "×".join(map(str, reads[1:]))
            raise refused(source, operation, f"has {sides} pixels, of which no stride makes {gives[1]}×{gives[2]}")
        found.append(min(fitting))
    return (found[0], found[1]) if found else (1, 1)


def _infinite(architecture: Architecture) -> list[bool]:
    """Of each node whether a padding with −∞ shows in it: it does until a max-pooling."""
    found: list[bool] = []
    for node in architecture.nodes:
        read = any(found[source] for source in node.inputs)
        found.append(isinstance(node.operation, PadLowest) or (read and not isinstance(node.operation, MaxPool)))
    return found


def _never_negative(architecture: Architecture) -> list[bool]:
    """Of each node whether its operations say that it gives nothing negative."""
    found: list[bool] = []
    for node in architecture.nodes:
        operation = node.operation
        kept = bool(node.inputs) and all(found[source] for source in node.inputs)
        if isinstance(operation, Activation):
            known = operation.known
            found.append(known.not_negative or (known.keeps_not_negative and kept))
        else:
            found.append(operation.keeps_sign and kept)
    return found
