"""`CellBuilder`: a cell while it is written."""

from __future__ import annotations

from collections.abc import Sequence

from presage.architecture.node import Node
from presage.architecture.operation import Operation
from presage.architecture.operations import Activation, Add
from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.operations import (
    Blend,
    CellInput,
    CellMatrix,
    CellOutput,
    CellState,
    Mean,
    Product,
)

__all__ = ["CellBuilder"]


class CellBuilder:
    """Each method writes a node and gives its position; `finish` gives the cell.

    Args:
        states: how many vectors the cell hands on.
    """

    def __init__(self, states: int = 1) -> None:
        self._nodes = [Node(CellInput()), *(Node(CellState(index)) for index in range(states))]
        self.x = 0
        self.states = tuple(range(1, 1 + states))
        self.h = self.states[0]

    def matrix(self, *sources: int, bias: bool = True) -> int:
        return self._add(CellMatrix(bias), sources)

    def activation(self, function: str, source: int) -> int:
        """The source itself where the function is `identity`."""
        return source if function == "identity" else self._add(Activation(function), (source,))

    def add(self, *sources: int) -> int:
        return self._add(Add(), sources)

    def product(self, left: int, right: int) -> int:
        return self._add(Product(), (left, right))

    def mean(self, *sources: int) -> int:
        """The source itself where there is one alone."""
        return sources[0] if len(sources) == 1 else self._add(Mean(), sources)

    def blend(self, gate: int, new: int, old: int) -> int:
        """gate · new + (1 - gate) · old."""
        return self._add(Blend(), (gate, new, old))

    def highway(self, function: str, *sources: int, old: int) -> int:
        """c · f(h) + (1 - c) · old, with c = σ(W_c sources) and h = W_h sources: a node of ENAS and of DARTS."""
        gate = self.activation("sigmoid", self.matrix(*sources))
        return self.blend(gate, self.activation(function, self.matrix(*sources)), old)

    def finish(self, *outputs: int) -> RecurrentCell:
        """The cell that gives these states."""
        return RecurrentCell((*self._nodes, Node(CellOutput(), outputs)))

    def _add(self, operation: Operation, sources: Sequence[int]) -> int:
        self._nodes.append(Node(operation, tuple(sources)))
        return len(self._nodes) - 1
