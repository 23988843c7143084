"""What rows of experiments claim, by column, for one who can work out anew whether it is so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presage.records.dataset import DatasetRecord
from presage.records.recipe import RecipeRecord

__all__ = ["Claims", "Vouch"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Claims:
    """Claims of r finished experiments on networks, datasets and recipes that they have in common.

    Attributes:
        texts: JSON of the networks, each once.
        datasets: each once.
        recipes: each once.
        network: (r,) position in `texts`.
        dataset: (r,) position in `datasets`.
        recipe: (r,) position in `recipes`.
        parameters, multiply_adds, activation_bytes, depth: (r,) claimed.
        accuracy: (r,) claimed.
        last: (r,) of its curve; NaN where there is none.
    """

    texts: Sequence[str]
    datasets: Sequence[DatasetRecord]
    recipes: Sequence[RecipeRecord]
    network: Ints
    dataset: Ints
    recipe: Ints
    parameters: Ints
    multiply_adds: Ints
    activation_bytes: Ints
    depth: Ints
    accuracy: Floats
    last: Floats

    def __len__(self) -> int:
        return len(self.network)


Vouch = Callable[[Claims], NDArray[np.bool_]]
"""Which rows (r,) surely claim what is true, of networks that are in canonical form; False says nothing of a row."""
