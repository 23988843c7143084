"""`on_hull`: which networks lie on the lower convex hull of cost and error."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["on_hull"]


def on_hull(costs: Sequence[float], errors: Sequence[float]) -> list[int]:
    """Places of those that no other is cheaper and better than, nor any mixture of two others, the cheapest first.

    Of equals the first counts.
    """
    order = sorted(range(len(costs)), key=lambda at: (costs[at], errors[at], at))
    found: list[int] = []
    for at in order:
        if found and errors[at] >= errors[found[-1]]:
            continue
        while len(found) > 1 and _bends_up(costs, errors, found[-2], found[-1], at):
            found.pop()
        found.append(at)
    return found


def _bends_up(costs: Sequence[float], errors: Sequence[float], left: int, middle: int, right: int) -> bool:
    """Whether the middle of three lies on or above the line between the others."""
    rise = (errors[middle] - errors[left]) * (costs[right] - costs[left])
    return rise >= (errors[right] - errors[left]) * (costs[middle] - costs[left])
