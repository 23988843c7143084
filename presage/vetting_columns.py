"""What only the roof can say of whole columns of rows that ask to enter the database: which of them are surely true.

What is not surely so is vetted row by row (`presage.vetting`), and refused there if it is false.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.errors import PresageError

if TYPE_CHECKING:
    from presage.database.claims import Claims

__all__ = ["vouch"]

_ROUNDING = 1e-6  # rows keep six digits


def vouch(claims: Claims) -> NDArray[np.bool_]:
    """(r,) rows whose network is in canonical form, whose recipe is one, and whose costs and accuracy follow."""
    from presage.architecture.vetting.canonical import surely_canonical
    from presage.architecture.vetting.costs import costs_by_classes, has_small_numbers
    from presage.architecture.vetting.texts import read_texts

    read = read_texts(claims.texts)
    sure = surely_canonical(read) & has_small_numbers(read.batch)
    network = np.full(len(claims.texts), -1, np.int64)
    network[read.rows[sure]] = np.flatnonzero(sure)
    of_row = network[claims.network]
    sides = np.array([_side(one.text, one.hash) for one in claims.recipes], np.int64)[claims.recipe]
    channels = np.array([one.channels for one in claims.datasets], np.int64)[claims.dataset]
    classes = np.array([one.classes for one in claims.datasets], np.int64)[claims.dataset]
    found = np.zeros(len(claims), np.bool_)
    asked = np.flatnonzero((of_row >= 0) & (sides > 0) & (classes >= 2))
    images, group = np.unique(np.stack([channels, sides], axis=1)[asked], axis=0, return_inverse=True)
    group = group.ravel()
    for at, (c, side) in enumerate(images.tolist()):
        rows = asked[group == at]
        used, position = np.unique(of_row[rows], return_inverse=True)
        try:
            known = costs_by_classes(read.batch.take(used), (c, side, side), int(classes[rows].max()))
        except (PresageError, OverflowError):  # one of them takes no such images, or gives too many numbers
            continue
        true = known.of(position, classes[rows])
        found[rows] = (
            known.sure[position]
            & (true.parameters == claims.parameters[rows])
            & (true.multiply_adds == claims.multiply_adds[rows])
            & (true.activation_bytes == claims.activation_bytes[rows])
            & (true.depth == claims.depth[rows])
        )
    follows = np.isnan(claims.last) | (np.abs(claims.last - claims.accuracy) <= _ROUNDING)
    return np.asarray(found & follows)


@lru_cache(maxsize=1024)
def _side(text: str, digest: str) -> int:
    """Of the images of a recipe, pixels; 0 where it is none."""
    from presage.vetting import image_side

    try:
        return image_side(text, digest)
    except (PresageError, TypeError, ValueError):
        return 0
