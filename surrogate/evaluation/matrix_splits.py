"""What the matrix leaves out: datasets, with them recipes or large networks, and which networks are then asked about.

Datasets leave the experience whole, in parts. Beside them leaves, by row of the matrix, nothing (their networks are
asked about as trained by the usual recipe, or by another that other datasets were trained by), one recipe that lies
between those that stay, or all recipes as rich as the one that is asked about; and, by column, all large networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.encoding import capacities
from presage.surrogate.data.experience import Experience
from presage.surrogate.predictors.recipe_effect import usual_tasks

__all__ = [
    "CELLS",
    "LEAST_NETWORKS",
    "RECIPES",
    "SIZES",
    "MatrixCell",
    "MatrixSplit",
    "network_sizes",
    "richness",
    "splits",
]

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

RECIPES = {
    "usual": "the usual one",
    "known": "another, known from other datasets",
    "between": "unseen, between known ones",
    "richer": "richer than any known",
}
"""Rows of the matrix, in words."""

SIZES = {"known": "known", "larger": "up to 10 times larger"}
"""Columns of the matrix, in words."""

LEAST_NETWORKS = 6
"""Networks of a task that are worth ranking."""
TIMES_LARGER = 10.0
LARGEST = 0.99
"""Quantile of the sizes that counts as the largest: the few beyond it are neither learned from nor asked about."""


@dataclass(frozen=True)
class MatrixCell:
    """One cell of the matrix: a key of `RECIPES` and one of `SIZES`."""

    recipe: str
    sizes: str


CELLS = tuple(MatrixCell(recipe, sizes) for sizes in SIZES for recipe in RECIPES)
"""All of them, in the order in which they are shown."""


@dataclass(frozen=True, eq=False)
class MatrixSplit:
    """What is learned from once, and all that is asked of it.

    Attributes:
        left_out: fingerprints of the datasets of which nothing is learned.
        known: (n,) which rows of the experience are learned from.
        asked: cells with the rows (n,) that are asked about, of tasks with at least `LEAST_NETWORKS` networks.
    """

    left_out: tuple[str, ...]
    known: Mask
    asked: list[tuple[MatrixCell, Mask]] = field(default_factory=list)


def richness(experience: Experience) -> Floats:
    """(n, 3) of each row's recipe: epochs, the most training images that it took of any dataset, and image side."""
    most: dict[str, int] = {}
    for task in experience.tasks:
        most[task.recipe] = max(most.get(task.recipe, 0), task.train_images)
    of_task = [(task.epochs, most[task.recipe], task.image_side) for task in experience.tasks]
    return np.array(of_task, np.float64)[experience.task_index]


def network_sizes(experience: Experience) -> Floats:
    """(n,) log10 of the multiply-adds for each pixel of an image, which larger images leave as they are."""
    side = np.array([task.image_side for task in experience.tasks], np.float64)[experience.task_index]
    return np.asarray(capacities(experience.features)[:, 1] - 2.0 * np.log10(side))


def splits(experience: Experience, parts: Sequence[Sequence[str]]) -> list[MatrixSplit]:
    """Everything that the matrix learns from and asks, each set of known rows once.

    Args:
        experience: trained networks.
        parts: fingerprints of the datasets that are left out together.
    """
    recipe = np.array([task.recipe for task in experience.tasks])[experience.task_index]
    fingerprint = np.array([task.fingerprint for task in experience.tasks])[experience.task_index]
    usual = np.isin(experience.task_index, usual_tasks(experience))
    rich, size = richness(experience), network_sizes(experience)
    largest = float(np.quantile(size, LARGEST))
    small = size <= largest - np.log10(TIMES_LARGER)
    found: list[MatrixSplit] = []
    for part in parts:
        out = np.isin(fingerprint, list(part))
        for sizes in SIZES:
            base, target = (~out, out) if sizes == "known" else (~out & small, out & ~small & (size <= largest))
            of_part: dict[bytes, MatrixSplit] = {}
            asked = [("usual", base, target & usual)]
            asked.append(("known", base, target & ~usual & np.isin(recipe, np.unique(recipe[base]))))
            for one in np.unique(recipe[target & ~usual]):
                by_it = recipe == one
                own, rest = rich[by_it][0], base & ~by_it
                if _between(own, rich[rest]):
                    asked.append(("between", rest, target & by_it))
                above = own > rich[usual][0]
                if above.any():
                    poorer = base & (rich[:, above] < own[above]).all(axis=1)
                    asked.append(("richer", poorer, target & by_it))
            for name, known, wanted in asked:
                rows = _of_large_tasks(experience, wanted)
                if known.any() and rows.any():
                    split = of_part.setdefault(known.tobytes(), MatrixSplit(tuple(part), known))
                    split.asked.append((MatrixCell(name, sizes), rows))
            found += of_part.values()
    return found


def _between(own: Floats, others: Floats) -> bool:
    """Whether none of what a recipe (3,) gives is outside of what other rows (m, 3) were given."""
    return bool(len(others) and (others.min(axis=0) <= own).all() and (own <= others.max(axis=0)).all())


def _of_large_tasks(experience: Experience, rows: Mask) -> Mask:
    """Those of `rows` (n,) whose task has at least `LEAST_NETWORKS` networks among them, each counted once."""
    index = experience.task_index
    kept = np.zeros(len(rows), bool)
    for task in np.unique(index[rows]):
        own = rows & (index == task)
        if len(np.unique(experience.hashes[own])) >= LEAST_NETWORKS:
            kept |= own
    return kept
