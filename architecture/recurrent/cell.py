"""`RecurrentCell`: the immutable graph of one step of a recurrent network.

A cell knows no widths: those of its input and its state are bound when it is costed or built, so that one cell keeps
one hash at every size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from presage.architecture.canonical.form import canonicalise
from presage.architecture.node import Node
from presage.architecture.operations import Activation
from presage.architecture.recurrent.operations import (
    CELL_OPERATIONS,
    FUNCTIONS,
    CellInput,
    CellMatrix,
    CellOutput,
    CellState,
)
from presage.architecture.text import digest
from presage.errors import InvalidArchitecture, InvalidArgument

__all__ = ["FORMAT", "RecurrentCell"]

FORMAT = "presage-cell"


@dataclass(frozen=True)
class RecurrentCell:
    """A directed acyclic graph of operations in topological order, from `CellInput` and `CellState` to `CellOutput`.

    Raises:
        InvalidArchitecture: where the nodes are no such graph.
    """

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        last = len(self.nodes) - 1
        if last < 1 or not isinstance(self.nodes[last].operation, CellOutput):
            raise InvalidArchitecture("The nodes of a cell must end with `cell_output`.")
        states: set[int] = set()
        for index, node in enumerate(self.nodes):
            operation, inputs = node.operation, node.inputs
            if CELL_OPERATIONS.get(operation.name) is not type(operation):
                raise InvalidArchitecture(f"Node {index} (`{operation.name}`) is no operation of a recurrent cell.")
            if index != last and isinstance(operation, CellOutput):
                raise InvalidArchitecture(f"Node {index} must not be `cell_output`: only the last is.")
            if isinstance(operation, Activation) and operation.function not in FUNCTIONS:
                listed = ", ".join(FUNCTIONS)
                raise InvalidArchitecture(
                    f"Node {index}: the `function` of a cell must be one of {listed}. Got {operation.function!r}."
                )
            most = operation.most_inputs
            if len(inputs) < operation.least_inputs or (most is not None and len(inputs) > most):
                raise InvalidArchitecture(f"Node {index} (`{operation.name}`) has {len(inputs)} inputs.")
            for source in inputs:
                if not 0 <= source < index:
                    raise InvalidArchitecture(
                        f"Node {index} (`{operation.name}`) reads node {source}: a node reads only earlier nodes."
                    )
                if isinstance(self.nodes[source].operation, CellInput) and not isinstance(operation, CellMatrix):
                    raise InvalidArchitecture(
                        f"Node {index} (`{operation.name}`) must not read the `cell_input`: only a `matrix` does."
                    )
            if isinstance(operation, CellMatrix) and len(set(inputs)) < len(inputs):
                raise InvalidArchitecture(f"Node {index} (`matrix`) must not read one node twice.")
            if isinstance(operation, CellState):
                states.add(operation.index)
        outputs = len(self.nodes[last].inputs)
        if states and max(states) >= outputs:
            raise InvalidArchitecture(f"The cell reads state {max(states)} and gives {outputs}: none is missing.")
        canonical = canonicalise(self.nodes)
        if not any(isinstance(node.operation, CellInput) for node in canonical):
            raise InvalidArchitecture("What a cell gives must depend on its `cell_input`.")
        object.__setattr__(self, "_canonical", canonical)

    @property
    def states(self) -> int:
        """How many vectors it hands from one step to the next."""
        return len(self.nodes[-1].inputs)

    @cached_property
    def canonical(self) -> RecurrentCell:
        """The same function with unreachable nodes and identities gone; its inputs stand first."""
        nodes: tuple[Node, ...] = self._canonical  # type: ignore[attr-defined]
        return self if nodes == self.nodes else RecurrentCell(nodes)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form's JSON, 64 hex digits: equal for equal functions up to weights."""
        return digest(self.canonical.nodes, FORMAT)

    def parameters(self, hidden: int, width: int) -> int:
        """Learned numbers, for states of `hidden` and an input of `width` numbers."""
        return sum(hidden * (read + bias) for read, bias in self._matrices(hidden, width))

    def multiply_adds(self, hidden: int, width: int) -> int:
        """Of one step of one sequence: those of the matrices."""
        return sum(hidden * read for read, _ in self._matrices(hidden, width))

    @cached_property
    def depth(self) -> int:
        """Most matrices on a path through one step."""
        found: list[int] = []
        for node in self.canonical.nodes:
            before = max((found[source] for source in node.inputs), default=0)
            found.append(before + isinstance(node.operation, CellMatrix))
        return max(found)

    def _matrices(self, hidden: int, width: int) -> Sequence[tuple[int, bool]]:
        """Numbers that each matrix reads, and whether it has a bias."""
        for name, value in (("hidden", hidden), ("width", width)):
            if value < 1:
                raise InvalidArgument(name, "RecurrentCell", "be at least 1", value)
        nodes = self.canonical.nodes
        return [
            (
                sum(width if isinstance(nodes[source].operation, CellInput) else hidden for source in node.inputs),
                node.operation.bias,
            )
            for node in nodes
            if isinstance(node.operation, CellMatrix)
        ]
