"""Cells as JSON, in the form that architectures have (`presage.architecture.serial`), under a format of their own."""

from __future__ import annotations

from typing import Any

from presage.architecture.recurrent.cell import FORMAT, RecurrentCell
from presage.architecture.recurrent.operations import CELL_OPERATIONS
from presage.architecture.serial import VERSION, nodes_from_json, parsed
from presage.architecture.text import node_to_json, text

__all__ = ["cell_from_json", "cell_to_json", "dumps_cell", "loads_cell"]


def cell_to_json(cell: RecurrentCell) -> dict[str, Any]:
    """The cell as an object of plain lists, strings, integers and flags."""
    return {"format": FORMAT, "version": VERSION, "nodes": [node_to_json(node) for node in cell.nodes]}


def cell_from_json(value: object) -> RecurrentCell:
    """The cell that `cell_to_json` wrote.

    Raises:
        InvalidArchitecture: one line that names the node, the rule and the value.
    """
    return RecurrentCell(nodes_from_json(value, FORMAT, CELL_OPERATIONS, "a cell"))


def dumps_cell(cell: RecurrentCell) -> str:
    """One line of JSON, the same for equal cells."""
    return text(cell.nodes, FORMAT)


def loads_cell(written: str | bytes) -> RecurrentCell:
    """The cell in a JSON text.

    Raises:
        InvalidArchitecture: where the text is no JSON or no cell.
    """
    return cell_from_json(parsed(written, "a cell"))
