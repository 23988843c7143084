"""`CellSearch`: a forward search whose networks grow within a cell that they repeat (Petridish)."""

from __future__ import annotations

from collections.abc import Sequence

from presage.architecture.graph import Architecture
from presage.architecture.morphing.cells import Cell, repeated_cells
from presage.errors import InvalidArgument
from presage.search.climbing import OWNER
from presage.search.climbing.drawing import places_of
from presage.search.climbing.forward import ForwardSearch
from presage.search.climbing.settings import FORWARD_CELLS
from presage.search.shrinking.allowance import Allowance

__all__ = ["CellSearch"]


class CellSearch(ForwardSearch):
    """Grows the cell that a network repeats most: what is chosen joins in all of its repetitions, in one step.

    Weights are each repetition's own. A candidate stands in every repetition and has one α, which learns by the sum of
    what they learn. The cell is found anew in each parent: its repetitions stay equal, for they grow together.

    Reference: Hu et al., *Efficient Forward Architecture Search*, 2019, arXiv 1905.13360 (the cell search).
    """

    targets = 1

    @classmethod
    def check(cls, name: str, architecture: Architecture, allowance: Allowance) -> None:
        """Raises InvalidArgument for a network without a repeated cell, as `repeated_cells` has it."""
        if not repeated_cells(architecture, allowance.input_shape, allowance.classes):
            raise InvalidArgument(
                "NETWORK", OWNER, f"repeat a cell, for `--strategy {FORWARD_CELLS}`", name,
                "A cell has layers; all paths go through the one node that it reads and the one that is read of it.",
            )  # fmt: skip

    def _cells(self, architecture: Architecture) -> Sequence[Cell]:
        shape, classes = self._allowance.input_shape, self._allowance.classes
        cells = repeated_cells(architecture, shape, classes)
        known = set(places_of(architecture, architecture.shapes(shape, classes)))
        return [
            tuple(cell[at] for at in range(len(cell)) if at == 0 or all(other[at] in known for other in cells))
            for cell in cells
        ]
