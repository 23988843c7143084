"""`Architecture`: the immutable graph of operations that every part of presage shares.

An architecture knows no dataset: the image shape and the number of classes are bound when it is costed, encoded or
built, so that one network keeps one hash on every dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from presage.architecture.canonical.form import canonicalise
from presage.architecture.node import Node
from presage.architecture.operations import Classifier, Input, Shape
from presage.architecture.text import digest
from presage.errors import InvalidArchitecture, InvalidArgument

__all__ = ["Architecture", "Node"]


@dataclass(frozen=True)
class Architecture:
    """A directed acyclic graph of operations in topological order: node 0 is `Input`, the last node is `Classifier`.

    Raises:
        InvalidArchitecture: where the nodes are no such graph.
    """

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        if len(self.nodes) < 2 or not isinstance(self.nodes[0].operation, Input):
            raise InvalidArchitecture("The nodes of an architecture must begin with `input`.")
        if not isinstance(self.nodes[-1].operation, Classifier):
            raise InvalidArchitecture("The nodes of an architecture must end with `classifier`.")
        last = len(self.nodes) - 1
        for index, node in enumerate(self.nodes):
            operation, inputs = node.operation, node.inputs
            if index not in (0, last) and isinstance(operation, Input | Classifier):
                raise InvalidArchitecture(f"Node {index} must not be `{operation.name}`: only one, at its end.")
            most = operation.most_inputs
            if len(inputs) < operation.least_inputs or (most is not None and len(inputs) > most):
                raise InvalidArchitecture(f"Node {index} (`{operation.name}`) has {len(inputs)} inputs.")
            for source in inputs:
                if not 0 <= source < index:
                    raise InvalidArchitecture(
                        f"Node {index} (`{operation.name}`) reads node {source}: a node reads only earlier nodes, "
                        f"else there is a cycle."
                    )

    def shapes(self, input_shape: Sequence[int], classes: int) -> tuple[Shape, ...]:
        """Output shape of every node for images ``(c, h, w)`` and `classes` outputs.

        Raises:
            InvalidArchitecture: where the images shrink to nothing or shapes do not fit; names the node.
        """
        if len(input_shape) != 3 or min(input_shape) < 1:
            raise InvalidArgument(
                "input_shape", "Architecture.shapes", "be (c, h, w), each at least 1", tuple(input_shape)
            )
        if classes < 2:
            raise InvalidArgument("classes", "Architecture.shapes", "be at least 2", classes)
        found: list[Shape] = [tuple(input_shape)]
        for index, node in enumerate(self.nodes[1:], start=1):
            try:
                found.append(node.operation.shape([found[source] for source in node.inputs]))
            except InvalidArchitecture as error:
                raise InvalidArchitecture(f"Node {index}: {error}") from None
        found[-1] = (classes,)
        return tuple(found)

    @cached_property
    def canonical(self) -> Architecture:
        """The same function with unreachable branches and dead operations gone (`presage.architecture.canonical`)."""
        return Architecture(canonicalise(self.nodes))

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form's JSON, 64 hex digits: equal for equal functions up to weights."""
        return digest(self.canonical.nodes)
