"""`CellExperience`: what recurrent cells scored on texts beside a GRU, as columns; and reading it from a database."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.architecture.recurrent.features import CELL_FEATURES, cell_features
from presage.architecture.recurrent.published import PUBLISHED, published
from presage.architecture.recurrent.serial import cell_from_json
from presage.records.text_experiment import TEXT_METRICS

if TYPE_CHECKING:
    from presage.database import Database

__all__ = ["LEAST_PUBLISHED", "CellExperience", "load_cells"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Task = tuple[str, str]

LEAST_PUBLISHED = 3
"""Published cells that a text must have by a recipe, so that others are told beside them."""


@dataclass(frozen=True, eq=False)
class CellExperience:
    """Cells trained on texts, each once for a text and a recipe: n of them, f features.

    Attributes:
        cells: (n,) hashes.
        features: (n, f) as `presage.architecture.recurrent.features` has them.
        relative: (n,) bits a symbol on the validation text, the mean over seeds that finished, as a share above a
            GRU's: 0.05 where they are five hundredths more. NaN where none finished.
        diverged: (n,) share of the trainings that diverged.
        task: (n,) number of text and recipe, from 0.
        text: (n,) number of the text, from 0.
        texts: fingerprints by that number.
        trainings: how many there were, those that diverged among them.
    """

    cells: tuple[str, ...]
    features: Floats
    relative: Floats
    diverged: Floats
    task: Ints
    text: Ints
    texts: tuple[str, ...]
    trainings: int

    def __len__(self) -> int:
        return len(self.relative)

    @property
    def finished(self) -> CellExperience:
        """Without cells none of whose trainings finished."""
        rows = ~np.isnan(self.relative)
        cells = tuple(cell for cell, kept in zip(self.cells, rows.tolist(), strict=True) if kept)
        return replace(
            self, cells=cells, features=self.features[rows], relative=self.relative[rows], diverged=self.diverged[rows],
            task=self.task[rows], text=self.text[rows],
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"CellExperience({self.trainings} trainings of {len(set(self.cells))} cells on {len(self.texts)} texts)"


def load_cells(database: Database, *, without: Collection[str] = ()) -> CellExperience:
    """All that the database knows of cells on texts.

    What a GRU has on a text by a recipe is told by all published cells that were trained there: the logarithm of the
    bits of each is a sum of a term of the cell and one of text and recipe, fitted by least squares. A text that has
    fewer than `LEAST_PUBLISHED` of them by a recipe, such as one on which cells were searched, teaches nothing: its
    cells were chosen, and beside one another they would seem to be ordinary ones.

    Args:
        database: an open database.
        without: fingerprints of texts that are left out.
    """
    found: dict[tuple[Task, str], list[float]] = defaultdict(list)
    for one in database.text_experiments():
        if one.text not in without:
            found[(one.text, one.text_recipe), one.cell].append(_bits(one.metric, one.value))
    finished = {key: [bits for bits in values if not math.isnan(bits)] for key, values in found.items()}
    mean = {key: sum(values) / len(values) for key, values in finished.items() if values}
    gru = _gru_bits(mean)
    rows = [key for key in found if key[0] in gru]
    tasks = {task: at for at, task in enumerate(sorted(gru))}
    texts = {text: at for at, text in enumerate(sorted({text for text, _ in tasks}))}
    needed = {cell for _, cell in rows}
    made = {record.hash: cell_from_json(dict(record.json)) for record in database.cells() if record.hash in needed}
    features = dict(zip(made, cell_features(list(made.values())), strict=True))
    return CellExperience(
        tuple(cell for _, cell in rows),
        np.array([features[cell] for _, cell in rows], np.float64).reshape(len(rows), len(CELL_FEATURES)),
        np.array([mean.get(key, math.nan) / gru[key[0]] - 1 for key in rows], np.float64),
        np.array([1 - len(finished[key]) / len(found[key]) for key in rows], np.float64),
        np.array([tasks[task] for task, _ in rows], np.int64),
        np.array([texts[task[0]] for task, _ in rows], np.int64),
        tuple(texts),
        sum(len(found[key]) for key in rows),
    )


def _gru_bits(mean: Mapping[tuple[Task, str], float]) -> dict[Task, float]:
    """Bits that a GRU has by each text and recipe, as its published cells say."""
    known = {published(name).hash: at for at, name in enumerate(PUBLISHED)}
    held: dict[Task, list[tuple[int, float]]] = defaultdict(list)
    for (task, cell), bits in mean.items():
        if cell in known and bits > 0:
            held[task].append((known[cell], math.log(bits)))
    tasks = sorted(task for task, cells in held.items() if len(cells) >= LEAST_PUBLISHED)
    if not tasks:
        return {}
    others = [at for name, at in zip(PUBLISHED, known.values(), strict=True) if name != "gru"]
    equations, right = list[Floats](), list[float]()
    for number, task in enumerate(tasks):
        for which, log_bits in held[task]:
            row = np.zeros(len(tasks) + len(others))
            row[number] = 1.0
            if which in others:
                row[len(tasks) + others.index(which)] = 1.0
            equations.append(row)
            right.append(log_bits)
    solved = np.linalg.lstsq(np.array(equations), np.array(right), rcond=None)[0]
    return {task: math.exp(solved[number]) for number, task in enumerate(tasks)}


def _bits(metric: str, value: float | None) -> float:
    """Bits a symbol; NaN of a training that diverged."""
    if value is None:
        return math.nan
    return value if metric == TEXT_METRICS[0] else math.log2(max(value, 1.0))
