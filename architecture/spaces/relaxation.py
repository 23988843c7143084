"""`Relaxation`: how a space becomes one network that holds all its networks, for searches by gradient on data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.architecture.graph import Architecture
from presage.architecture.spaces.codes import Codes

__all__ = ["Edge", "Gate", "Mixture", "Relaxation"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Edge:
    """A place of a kind of cell where every operation is a candidate: from state `source` to state `target`."""

    kind: str
    source: int
    target: int


@dataclass(frozen=True)
class Gate:
    """The output of a node counts as much as a weight says: that of an operation of an edge, or of the whole edge.

    Attributes:
        node: position in the mixture's architecture.
        edge: position in `Relaxation.edges`.
        operation: position in `Relaxation.operations`; None where the weight is the edge's.
    """

    node: int
    edge: int
    operation: int | None


@dataclass(frozen=True)
class Mixture:
    """All networks of a space in one graph: each edge sums all its operations, each state all its edges."""

    architecture: Architecture
    gates: tuple[Gate, ...]


class Relaxation(ABC):
    """The continuous relaxation of a space (Liu et al. 2019, arXiv 1806.09055, section 2.2), as data.

    Cells of one kind share their architecture weights: one row for each of the E `edges`, one column for each of the O
    `operations`. A column may be an operation that leaves nothing (`none`): it takes part in the softmax and has no
    node.
    """

    edges: tuple[Edge, ...]
    operations: tuple[str, ...]
    skip: int
    """Column of the operation that only hands on: what a search collapses to."""
    skips_collapse: bool = True
    """Whether many of these in a kind of cell are a collapse, not a network that is only less deep."""
    partial_channels: bool = True
    """Whether `mixture` can be asked for partial channels."""

    @property
    def available(self) -> NDArray[np.bool_]:
        """(E, O) which operations are candidates of which edge: all, unless a space says otherwise."""
        return np.ones((len(self.edges), len(self.operations)), np.bool_)

    @abstractmethod
    def mixture(self, partial: int = 1) -> Mixture:
        """The graph of all networks.

        Args:
            partial: where over 1, only one channel in so many goes through the operations of an edge, the others pass
                by, and the channels are shuffled after it (PC-DARTS, Xu et al. 2020, arXiv 1907.05737).

        Raises:
            InvalidArgument: the width cannot be divided so.
        """

    @abstractmethod
    def paths(self, codes: Codes) -> NDArray[np.bool_]:
        """(n, E, O) which operation of which edge each network (n, p) is made of."""

    @abstractmethod
    def derive(self, strength: Floats) -> Codes:
        """(p,) the code of the strongest network by (E, O) non-negative strengths of operations.

        A cell may take only some edges into a state: it takes those with the strongest operation (`none` apart).
        """

    def skips(self, code: Codes) -> dict[str, int]:
        """Kind of cell → number of its edges that only hand on, in the network of one code (p,)."""
        chosen = self.paths(code[None])[0, :, self.skip]
        found = dict.fromkeys((edge.kind for edge in self.edges), 0)
        for edge, skip in zip(self.edges, chosen.tolist(), strict=True):
            found[edge.kind] += skip
        return found

    def derive_limited(self, strength: Floats, most_skips: int) -> Codes:
        """`derive` with at most so many skip connections in a kind of cell: the weakest give way to the next best.

        This is the limit of DARTS+ (Liang et al. 2019, arXiv 1909.06035, section 3.3).
        """
        strength = strength.copy()
        kinds = np.array([edge.kind for edge in self.edges])
        while True:
            code = self.derive(strength)
            skipping = self.paths(code[None])[0, :, self.skip]
            over = [kind for kind, count in self.skips(code).items() if count > most_skips]
            if not over:
                return code
            for kind in over:
                rows = np.flatnonzero(skipping & (kinds == kind))
                strength[rows[strength[rows, self.skip].argmin()], self.skip] = 0.0
