"""Cells that people use without a search, and those that the papers found: of the same graph as all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from presage.architecture.recurrent.builder import CellBuilder
from presage.architecture.recurrent.cell import RecurrentCell
from presage.errors import UnknownName

__all__ = ["DARTS_V1", "DARTS_V2", "ENAS", "PUBLISHED", "Genotype", "gru", "highway_cell", "lstm", "published", "rnn"]

Genotype = Sequence[tuple[str, int]]
"""(activation, earlier state) of each node, as DARTS writes it: state 0 is that of the input and of h."""

ENAS: Genotype = (
    ("tanh", 0), ("tanh", 1), ("relu", 1), ("tanh", 3), ("tanh", 3), ("relu", 3), ("relu", 4), ("relu", 7),
    ("relu", 8), ("relu", 8), ("relu", 8),
)  # fmt: skip
"""The best cell of ENAS on Penn Treebank (arXiv 1802.03268, figure 6), after its first node, a tanh."""

DARTS_V1: Genotype = (
    ("relu", 0), ("relu", 1), ("tanh", 2), ("relu", 3), ("relu", 4), ("identity", 1), ("relu", 5), ("relu", 1),
)  # fmt: skip
"""The cell of first-order DARTS (arXiv 1806.09055)."""

DARTS_V2: Genotype = (
    ("sigmoid", 0), ("relu", 1), ("relu", 1), ("identity", 1), ("tanh", 2), ("sigmoid", 5), ("tanh", 3), ("relu", 5),
)  # fmt: skip
"""The cell of second-order DARTS (arXiv 1806.09055, figure 5)."""


def rnn() -> RecurrentCell:
    """h = tanh(W x + U h + b), Elman's network."""
    cell = CellBuilder()
    return cell.finish(cell.activation("tanh", cell.matrix(cell.x, cell.h)))


def lstm() -> RecurrentCell:
    """The LSTM as `torch.nn.LSTM` has it, but for its second bias."""
    cell = CellBuilder(states=2)
    let, forget, new, out = (cell.matrix(cell.x, cell.h) for _ in range(4))
    kept = cell.product(cell.activation("sigmoid", forget), cell.states[1])
    taken = cell.product(cell.activation("sigmoid", let), cell.activation("tanh", new))
    memory = cell.add(kept, taken)
    return cell.finish(cell.product(cell.activation("sigmoid", out), cell.activation("tanh", memory)), memory)


def gru() -> RecurrentCell:
    """The GRU as `torch.nn.GRU` has it: the reset gate acts after the matrix."""
    cell = CellBuilder()
    reset, update = (cell.activation("sigmoid", cell.matrix(cell.x, cell.h)) for _ in range(2))
    new = cell.activation("tanh", cell.add(cell.matrix(cell.x), cell.product(reset, cell.matrix(cell.h))))
    return cell.finish(cell.blend(update, cell.h, new))


def highway_cell(first: str, genotype: Genotype, outputs: Sequence[int] | None = None) -> RecurrentCell:
    """A cell of gated highway connections, the nodes of ENAS (section 3.1) and DARTS.

    CellState 0 blends f(W x + U h) with h; each further state blends f(W s) with the earlier state s that it reads.

    Args:
        first: activation of state 0.
        genotype: of the states from 1 on.
        outputs: the states whose mean the cell gives; None for those that no other reads.
    """
    cell = CellBuilder()
    states = [cell.highway(first, cell.x, cell.h, old=cell.h)]
    for function, source in genotype:
        states.append(cell.highway(function, states[source], old=states[source]))
    if outputs is None:
        read = {source for _, source in genotype}
        outputs = [state for state in range(len(states)) if state not in read]
    return cell.finish(cell.mean(*(states[state] for state in outputs)))


def _darts(genotype: Genotype) -> RecurrentCell:
    return highway_cell("tanh", genotype, range(1, 1 + len(genotype)))


PUBLISHED: Mapping[str, Callable[[], RecurrentCell]] = {
    "rnn": rnn,
    "lstm": lstm,
    "gru": gru,
    "enas": lambda: highway_cell("tanh", ENAS),
    "darts_v1": lambda: _darts(DARTS_V1),
    "darts_v2": lambda: _darts(DARTS_V2),
}
"""By name."""


def published(name: str) -> RecurrentCell:
    """The cell of this name.

    Raises:
        UnknownName: there is none; names the nearest.
    """
    if name not in PUBLISHED:
        raise UnknownName("recurrent cell", name, PUBLISHED)
    return PUBLISHED[name]()
