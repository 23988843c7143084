"""Drawings of recurrent cells as SVG, laid out as networks are; a gated node is one box, as the papers draw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from presage.architecture.node import readers_of
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
from presage.report.drawing import Box, drawn

if TYPE_CHECKING:
    from markupsafe import Markup

    from presage.architecture.operation import Operation

__all__ = ["draw_cell"]

_FILLS: dict[type[Operation], str] = {
    CellInput: "#e2f0d9",
    CellState: "#e2f0d9",
    CellMatrix: "#dbe9f6",
    Blend: "#dbe9f6",
    Mean: "#eeeeee",
    Add: "#eeeeee",
    Product: "#eeeeee",
    CellOutput: "#fde8d0",
}


@dataclass
class _CellBox(Box):
    """A box with words of its own."""

    words: str = ""
    meaning: str = ""
    colour: str = "#ffffff"

    @property
    def label(self) -> str:
        return self.words

    @property
    def title(self) -> str:
        return self.meaning or self.words

    @property
    def fill(self) -> str:
        return self.colour


def draw_cell(cell: RecurrentCell) -> Markup:
    """SVG of the canonical cell, from what it reads at the top to what it gives."""
    nodes = cell.canonical.nodes
    gated = {at: found for at in range(len(nodes)) if (found := _gated(cell.canonical, at)) is not None}
    readers = readers_of(nodes)
    boxes: list[Box] = []
    place: dict[int, int] = {}
    inside = {part for at in gated for part in _parts(cell.canonical, at)}
    for at, node in enumerate(nodes):
        if at in inside:
            continue
        operation, sources = node.operation, list(dict.fromkeys(node.inputs))
        words, meaning = _words(operation)
        if at in gated:
            function, sources = gated[at]
            words, meaning = f"{function}, gated", f"c · {function}(W s) + (1 − c) · s"
        elif isinstance(operation, Activation) and readers[node.inputs[0]] == [at]:
            before = place.get(node.inputs[0])
            if before is not None and isinstance(nodes[node.inputs[0]].operation, CellMatrix):
                box = boxes[before]
                assert isinstance(box, _CellBox)
                box.words, place[at] = f"{box.words}, {operation.function}", before
                continue
        place[at] = len(boxes)
        colour = _FILLS.get(type(operation), "#ffffff")
        boxes.append(
            _CellBox([], (), [place[source] for source in sources], words=words, meaning=meaning, colour=colour)
        )
    return drawn(boxes, "one step of the recurrent cell")


def _gated(cell: RecurrentCell, at: int) -> tuple[str, list[int]] | None:
    """Activation and sources of a highway node: a blend whose gate and new value are of matrices of the same values."""
    nodes = cell.nodes
    if not isinstance(nodes[at].operation, Blend):
        return None
    gate, new, old = nodes[at].inputs
    opened, made = nodes[gate].operation, nodes[new].operation
    if not isinstance(opened, Activation) or opened.function != "sigmoid":
        return None
    function, matrix = (made.function, nodes[new].inputs[0]) if isinstance(made, Activation) else ("identity", new)
    of_gate = nodes[gate].inputs[0]
    both = (nodes[of_gate], nodes[matrix])
    if not all(isinstance(one.operation, CellMatrix) for one in both) or both[0].inputs != both[1].inputs:
        return None
    return (function, list(both[0].inputs)) if old in both[0].inputs else None


def _parts(cell: RecurrentCell, at: int) -> set[int]:
    """Nodes that the box of a highway node holds."""
    gate, new, _ = cell.nodes[at].inputs
    made = cell.nodes[new]
    inner = {made.inputs[0]} if isinstance(made.operation, Activation) else set()
    return {gate, new, cell.nodes[gate].inputs[0]} | inner


def _words(operation: Operation) -> tuple[str, str]:
    match operation:
        case CellInput():
            return "x", "what stands for the symbol"
        case CellState():
            return ("h before" if operation.index == 0 else f"state {operation.index} before"), "of the step before"
        case CellMatrix():
            return "W", "a learned matrix of each of its inputs"
        case Activation():
            return operation.function, ""
        case Add():
            return "+", ""
        case Product():
            return "×", ""
        case Mean():
            return "mean", ""
        case Blend():
            return "blend", "gate · new + (1 − gate) · old"
        case _:
            return "h", "what the cell gives"
