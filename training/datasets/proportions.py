"""Images of extreme proportions: all become squares, and what that does to a strip is said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from presage.training.datasets.left_out import counted, listed

__all__ = ["EXTREME", "squashed"]

EXTREME = 8
"""Times the shorter side that the longer one is at least, of images that are named."""


def squashed(sizes: npt.NDArray[np.int64], names: Sequence[str], owner: object) -> tuple[str, ...]:
    """A line that counts and names images at least `EXTREME` times as long as wide, or as wide as long; else none.

    Args:
        sizes: (n, 2) width and height in pixels.
        names: of the n images.
        owner: the folder or file that holds them.
    """
    rows = np.flatnonzero((sizes.max(axis=1) >= EXTREME * sizes.min(axis=1)) & (sizes.min(axis=1) > 0))
    if not len(rows):
        return ()
    shown = [f"{names[row]}, {sizes[row, 0]} x {sizes[row, 1]}" for row in rows.tolist()]
    return (
        f"Squashed into squares: {counted(len(rows))} of `{owner}` of {EXTREME} times the proportions and more "
        f"({listed(shown)}). Cut such images up, or pad them, if that loses what they show.",
    )
