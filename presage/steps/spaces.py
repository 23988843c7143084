"""Which space is searched where none is named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from presage.search.run.run_folder import space_begun

if TYPE_CHECKING:
    from presage.architecture.spaces import Space

__all__ = ["AUTO_SPACE", "UNHURRIED", "WITH_BUDGET", "space_of"]

AUTO_SPACE = "auto"

WITH_BUDGET = "stages"
"""Of networks as people ship them: a search with a budget ends in one that was trained for use. By the same recipe and
limit, three networks that predictions chose had test accuracies of .836 (cats and dogs) and .692 (flowers) in the mean;
three of `chain` .769 and .666 (docs/shipping.md)."""

UNHURRIED = "chain"
"""Of small networks, by the recipe of the shipped experience, which has most of it: predictions are best there."""


def space_of(space: str | Space, budget: float | str | None, run_folder: Path | None) -> Space:
    """The space that a search is of.

    Args:
        space: its name, or the space itself. ``"auto"``: that which the run in the folder was begun with, else
            `WITH_BUDGET` where there is a budget, else `UNHURRIED`.
        budget: of the search; None where there is none.

    Raises:
        UnknownName, InvalidArgument: no such space.
    """
    from presage.architecture.spaces import get_space

    if not isinstance(space, str):
        return space
    if space != AUTO_SPACE:
        return get_space(space)
    begun = None if run_folder is None else space_begun(run_folder)
    return get_space(begun or (UNHURRIED if budget is None else WITH_BUDGET))
