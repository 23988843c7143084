"""What a predicted study optimises, and in which direction."""

from __future__ import annotations

from collections.abc import Sequence

from presage.errors import InvalidArgument, UnknownName

__all__ = ["DIRECTIONS", "checked_objectives"]

DIRECTIONS = {
    "accuracy": "maximize",
    "parameters": "minimize",
    "multiply_adds": "minimize",
    "activation_bytes": "minimize",
    "latency": "minimize",
}
"""Objective → direction. `accuracy` is what a search's score says of it (`presage.search.studies.scores`): *predicted*
accuracy, unless another score was asked for. `latency` is *estimated* seconds on the machine at hand."""


def checked_objectives(names: Sequence[str]) -> tuple[str, ...]:
    """The objectives, predicted accuracy first.

    Raises:
        UnknownName: no such objective.
        InvalidArgument: none, one twice, or the accuracy not first.
    """
    for name in names:
        if name not in DIRECTIONS:
            raise UnknownName("objective", name, DIRECTIONS)
    if not names or names[0] != "accuracy" or len(set(names)) < len(names):
        raise InvalidArgument("objectives", "search", "begin with `accuracy` and name each cost once", tuple(names))
    return tuple(names)
