"""Features of recurrent cells: what a predictor sees of one, whatever space it is of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from presage.architecture.operations import Activation
from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.operations import (
    FUNCTIONS,
    Blend,
    CellInput,
    CellMatrix,
    CellOutput,
    CellState,
    Mean,
    Product,
)

__all__ = ["CELL_FEATURES", "cell_features"]

_WIDTH = 1000
"""At which costs are compared; the features are shares and logarithms, about the same at every width."""

_SQUASHING = ("tanh", "sigmoid")

CELL_FEATURES = (
    "matrices", "matrices_of_input", "matrices_of_state", "log_parameters", "states", "depth", "mean_depth",
    "shortest", "products", "blends", "mean_of", "nodes",
    *(f"{name}_nodes" for name in FUNCTIONS),
    *(f"{name}_first" for name in FUNCTIONS),
    *(f"{name}_at_output" for name in FUNCTIONS),
    "squashing_on_path", "rectifiers_on_path", "most_read", "handed_on",
)  # fmt: skip
"""Names of the columns."""


def cell_features(cells: Sequence[RecurrentCell]) -> NDArray[np.float64]:
    """(n, f) features of the canonical cells.

    Counts of operations; depth in matrices, of the outputs (most, mean, least); which activations there are, on the
    values that matrices of the input make, and last before the output; most squashing and rectifying activations on a
    path through one step; the most matrices that read one value; whether h of the step before reaches the output
    without a matrix.
    """
    return np.array([_features(cell.canonical) for cell in cells], np.float64).reshape(len(cells), len(CELL_FEATURES))


def _features(cell: RecurrentCell) -> list[float]:
    nodes = cell.nodes
    matrices = [at for at, node in enumerate(nodes) if isinstance(node.operation, CellMatrix)]
    of_input = [at for at in matrices if any(isinstance(nodes[one].operation, CellInput) for one in nodes[at].inputs)]
    of_state = [at for at in matrices if any(isinstance(nodes[one].operation, CellState) for one in nodes[at].inputs)]
    depth: list[int] = []
    squashing: list[int] = []
    rectifying: list[int] = []
    direct: list[bool] = []
    for node in nodes:
        name = node.operation.function if isinstance(node.operation, Activation) else ""
        is_matrix = isinstance(node.operation, CellMatrix)
        depth.append(max((depth[one] for one in node.inputs), default=0) + is_matrix)
        squashing.append(max((squashing[one] for one in node.inputs), default=0) + (name in _SQUASHING))
        rectifying.append(max((rectifying[one] for one in node.inputs), default=0) + (name == "relu"))
        direct.append(
            (isinstance(node.operation, CellState) and node.operation.index == 0)
            or (not is_matrix and any(direct[one] for one in node.inputs))
        )
    h = nodes[-1].inputs[0]
    given = nodes[h].inputs if isinstance(nodes[h].operation, Mean) else (h,)
    new = _new_values(cell)
    last = {one: _function(cell, new.get(one, one)) for one in given}
    first = [function for at, function in ((at, _read_by(cell, at)) for at in of_input) if function]
    every = [_function(cell, value) for value in new.values()]
    others = [
        node.operation.function
        for at, node in enumerate(nodes)
        if isinstance(node.operation, Activation) and at not in new.values() and not _is_gate(cell, at)
    ]
    readers = [sum(one in nodes[at].inputs for at in matrices) for one in range(len(nodes))]
    return [
        len(matrices),
        len(of_input),
        len(of_state),
        float(np.log(cell.parameters(_WIDTH, _WIDTH) / _WIDTH**2)),
        cell.states,
        depth[-1],
        float(np.mean([depth[one] for one in given])),
        min(depth[one] for one in given),
        sum(isinstance(node.operation, Product) for node in nodes),
        sum(isinstance(node.operation, Blend) for node in nodes),
        len(given),
        sum(not isinstance(node.operation, CellInput | CellState | CellOutput) for node in nodes),
        *((every + others).count(name) for name in FUNCTIONS),
        *(first.count(name) / max(len(first), 1) for name in FUNCTIONS),
        *(list(last.values()).count(name) / len(given) for name in FUNCTIONS),
        squashing[-1],
        rectifying[-1],
        max(readers),
        float(direct[h]),
    ]


def _new_values(cell: RecurrentCell) -> dict[int, int]:
    """Of each blend the new value that it lets in."""
    return {at: node.inputs[1] for at, node in enumerate(cell.nodes) if isinstance(node.operation, Blend)}


def _function(cell: RecurrentCell, value: int) -> str:
    operation = cell.nodes[value].operation
    return operation.function if isinstance(operation, Activation) else "identity"


def _is_gate(cell: RecurrentCell, value: int) -> bool:
    return any(isinstance(node.operation, Blend) and node.inputs[0] == value for node in cell.nodes)


def _read_by(cell: RecurrentCell, matrix: int) -> str:
    """The activation of what a matrix makes; empty where it makes a gate."""
    for at, node in enumerate(cell.nodes):
        if matrix in node.inputs and isinstance(node.operation, Activation):
            return "" if _is_gate(cell, at) else node.operation.function
    return "identity"
