"""`CellPlan`: the steps in which a recurrent cell is computed and differentiated, worked out once.

All matrices that read one value are one matrix product (`MatrixGroup`), those of the input one product over all time
steps at once. What stays in the loop over time is the cell's own: a product for each value that matrices read, and the
pointwise operations between them.
"""

from __future__ import annotations

from dataclasses import dataclass

from presage.architecture.operations import Activation, Add
from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.operations import Blend, CellInput, CellMatrix, CellOutput, CellState, Mean, Product

__all__ = ["MatrixGroup", "CellPlan", "Pointwise"]


@dataclass(frozen=True)
class MatrixGroup:
    """Matrices that read one value, written side by side.

    Attributes:
        source: value (a node of the cell) that they read.
        matrices: their nodes, in the order in which their rows stand in the weight.
        first: place of the first of them among all that read the input, where all of them do and stand there in this
            order: the product is then added to what the input gave; None otherwise.
    """

    source: int
    matrices: tuple[int, ...]
    first: int | None


@dataclass(frozen=True)
class Pointwise:
    """An operation between values: `kind` is a function's name, `add`, `product`, `mean` or `blend`."""

    kind: str
    node: int
    inputs: tuple[int, ...]


class CellPlan:
    """Of a cell in canonical form.

    Attributes:
        cell: the canonical cell.
        fed: matrices that read the input, in the order of their rows in its weight.
        biased: matrices that have a bias.
        steps: groups, pointwise operations and sums of a matrix's parts, in the order of a step.
        states: node of each state, None where the cell does not read it.
        outputs: value of each state after the step.
    """

    def __init__(self, cell: RecurrentCell) -> None:
        self.cell = cell.canonical
        nodes = self.cell.nodes
        matrices = [at for at, node in enumerate(nodes) if isinstance(node.operation, CellMatrix)]
        feeds = {at for at in matrices if any(self._is_input(source) for source in nodes[at].inputs)}
        readers: dict[int, list[int]] = {}
        for at in matrices:
            for source in dict.fromkeys(nodes[at].inputs):
                if not self._is_input(source):
                    readers.setdefault(source, []).append(at)
        single = {at: sum(not self._is_input(source) for source in set(nodes[at].inputs)) <= 1 for at in matrices}
        fed: list[int] = []
        self.groups: list[MatrixGroup] = []
        for source in sorted(readers):
            # those that add to what the input gave stand in one block, in the order of its rows
            together = [at for at in readers[source] if at in feeds and single[at]]
            apart = [at for at in readers[source] if not (at in feeds and single[at])]
            if together:
                self.groups.append(MatrixGroup(source, tuple(together), len(fed)))
                fed += together
            if apart:
                self.groups.append(MatrixGroup(source, tuple(apart), None))
        fed += [at for at in matrices if at in feeds and at not in fed]
        self.fed = tuple(fed)
        self.matrices = tuple(matrices)
        self.biased = tuple(at for at in matrices if nodes[at].operation.bias)  # type: ignore[attr-defined]
        self.parts = self._parts()
        self.steps = self._steps()
        self.states: list[int | None] = [None] * cell.states
        for at, node in enumerate(nodes):
            if isinstance(node.operation, CellState):
                self.states[node.operation.index] = at
        self.outputs = nodes[-1].inputs

    def _is_input(self, node: int) -> bool:
        return isinstance(self.cell.nodes[node].operation, CellInput)

    def _parts(self) -> dict[int, list[tuple[int, int]]]:
        """Of each matrix: (group, place in it) of its parts; group -1 is what the input gave."""
        found: dict[int, list[tuple[int, int]]] = {at: [] for at in self.matrices}
        for number, group in enumerate(self.groups):
            for place, at in enumerate(group.matrices):
                found[at].append((number, place))
        held = {at for group in self.groups if group.first is not None for at in group.matrices}
        for place, at in enumerate(self.fed):
            if at not in held:
                found[at].append((-1, place))
        return found

    def _steps(self) -> tuple[MatrixGroup | Pointwise, ...]:
        """Each group right after the value that it reads; a matrix of several parts is a sum, once they are there."""
        nodes = self.cell.nodes
        found: list[MatrixGroup | Pointwise] = []
        for at, node in enumerate(nodes):
            operation = node.operation
            match operation:
                case Activation():
                    found.append(Pointwise(operation.function, at, node.inputs))
                case Add():
                    found.append(Pointwise("add", at, node.inputs))
                case Product():
                    found.append(Pointwise("product", at, node.inputs))
                case Mean():
                    found.append(Pointwise("mean", at, node.inputs))
                case Blend():
                    found.append(Pointwise("blend", at, node.inputs))
                case CellMatrix():
                    if len(self.parts[at]) > 1:
                        found.append(Pointwise("gather", at, ()))
                case CellInput() | CellState() | CellOutput():
                    pass
            found += [group for group in self.groups if group.source == at]
        return tuple(found)
