"""The short-list beside random networks of the same space, in words: mean and best of both, and which is better."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["comparison"]


def comparison(shortlist: Sequence[float | None], baseline: Sequence[float | None]) -> list[str]:
    """Lines that compare trained validation accuracies; none where either side has none.

    Args:
        shortlist, baseline: one accuracy for each network, None for those whose training ended early.
    """
    ours, theirs = ([one for one in side if one is not None] for side in (shortlist, baseline))
    if not ours or not theirs:
        return []
    lines = [
        f"Trained accuracy (validation): {len(ours)} short-listed networks, mean {_mean(ours):.4f}, best "
        f"{max(ours):.4f}; {len(theirs)} random networks of the same space, mean {_mean(theirs):.4f}, best "
        f"{max(theirs):.4f}."
    ]
    if max(theirs) > max(ours):
        lines.append(
            f"A random network is better than the best of the short-list: {max(theirs):.4f} against {max(ours):.4f}."
        )
    return lines


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
