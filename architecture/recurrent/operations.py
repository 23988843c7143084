"""The operations a recurrent cell is made of. Every value is a vector of the cell's hidden width, but for its input.

They are operations as any other (`presage.architecture.operation`), so that the canonical form, and with it the hash,
of a cell is found as that of a network is. Sums and activations are the same classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from presage.architecture.operation import Operation
from presage.architecture.operations import Activation, Add

__all__ = [
    "CELL_OPERATIONS", "FUNCTIONS", "MOST_STATES", "Blend", "CellInput", "CellOutput", "CellMatrix", "Mean", "Product",
    "CellState",
]  # fmt: skip

MOST_STATES = 4
FUNCTIONS = ("tanh", "relu", "identity", "sigmoid")
"""What the papers' spaces choose from; `identity` is no node."""


@dataclass(frozen=True, slots=True)
class CellInput(Operation):
    """What the cell reads at a step, x_t; only a `CellMatrix` takes it, for it has a width of its own."""

    name: ClassVar[str] = "cell_input"
    least_inputs: ClassVar[int] = 0
    most_inputs: ClassVar[int | None] = 0


@dataclass(frozen=True, slots=True)
class CellState(Operation):
    """What the cell gave as its output `index` a step before (0: h); zero before the first step."""

    name: ClassVar[str] = "state"
    least_inputs: ClassVar[int] = 0
    most_inputs: ClassVar[int | None] = 0
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {"index": (0, MOST_STATES - 1)}
    index: int = 0


@dataclass(frozen=True, slots=True)
class CellMatrix(Operation):
    """Σ W_i x_i + b: a learned matrix for each of its inputs, and a learned bias where the field says so."""

    name: ClassVar[str] = "matrix"
    most_inputs: ClassVar[int | None] = None
    weighted: ClassVar[bool] = True
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Product(Operation):
    """Product of its inputs, place by place."""

    name: ClassVar[str] = "product"
    least_inputs: ClassVar[int] = 2
    most_inputs: ClassVar[int | None] = 2
    zero_with_any: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    commutes: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Mean(Operation):
    """Mean of its inputs, place by place."""

    name: ClassVar[str] = "mean"
    most_inputs: ClassVar[int | None] = None
    keeps_zero: ClassVar[bool] = True
    keeps_sign: ClassVar[bool] = True
    commutes: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Blend(Operation):
    """Of a gate g, a new value n and an old one o: g n + (1 - g) o, the highway connection of arXiv 1607.03474."""

    name: ClassVar[str] = "blend"
    least_inputs: ClassVar[int] = 3
    most_inputs: ClassVar[int | None] = 3


@dataclass(frozen=True, slots=True)
class CellOutput(Operation):
    """The states after a step, in order: the first, h, is also what the cell gives."""

    name: ClassVar[str] = "cell_output"
    most_inputs: ClassVar[int | None] = MOST_STATES


CELL_OPERATIONS: dict[str, type[Operation]] = {
    kind.name: kind for kind in (CellInput, CellState, CellMatrix, Activation, Add, Product, Mean, Blend, CellOutput)
}
"""By their names in JSON."""
