"""How well features of a recurrent cell tell how it does on a text that was never seen: each text left out in turn.

    python benchmarks/cell_predictions.py [SHARD.jsonl...]

Of the shipped experience and of shards, those of `python -m presage.training.text.campaign`. By each text: Kendall's τ
between what LightGBM predicts and what the cells scored when they were trained, by one seed, over the cells that no
other text was trained with; beside it τ of the single feature that is best on the other texts, and of a second seed.
Values are ranked within their text, so that its level does not count.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import lightgbm
import numpy as np

from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.features import CELL_FEATURES, cell_features
from presage.architecture.recurrent.serial import cell_from_json
from presage.database import Database
from presage.output import table
from presage.records.entries import TextExperimentEntry
from presage.records.shards import read_entries
from presage.surrogate.metrics import kendall_tau

ROUNDS, LEAST = 80, 5


class Training(NamedTuple):
    """A cell trained on a text; `value` is None where it diverged."""

    text: str
    cell: str
    made: RecurrentCell
    seed: int
    value: float | None


def trainings(shards: Sequence[str]) -> list[Training]:
    """Those of the shipped experience and of shards, each once."""
    with TemporaryDirectory() as scratch, Database.open(Path(scratch) / "cells.duckdb", from_seed=True) as database:
        for shard in shards:
            read = read_entries(Path(shard))
            database.add_text_experiments(one for one in read if isinstance(one, TextExperimentEntry))
        names = {one.fingerprint: one.name for one in database.texts()}
        cells = {one.hash: cell_from_json(dict(one.json)) for one in database.cells()}
        return [
            Training(names[one.text], one.cell, cells[one.cell], one.seed, one.value)
            for one in database.text_experiments()
        ]


def main() -> None:
    entries = trainings(sys.argv[1:])
    finished = [one for one in entries if one.value is not None]
    diverged = len(entries) - len(finished)
    first = [one for one in finished if one.seed == 0]
    cells = cell_features([one.made for one in first])
    text = np.array([one.text for one in first])
    cell = np.array([one.cell for one in first])
    value = np.array([one.value for one in first], np.float64)
    rank = np.empty(len(value))
    for name in set(text.tolist()):
        there = text == name
        rank[there] = value[there].argsort().argsort() / max(there.sum() - 1, 1)
    rows, reached = [], list[float]()
    for name in sorted(set(text.tolist())):
        there = text == name
        judged = there & ~np.isin(cell, cell[~there])
        if judged.sum() < 2:
            continue
        model = lightgbm.train(
            {"objective": "l2", "num_leaves": 7, "min_data_in_leaf": LEAST, "learning_rate": 0.05, "verbose": -1,
             "num_threads": 1, "seed": 0, "deterministic": True},
            lightgbm.Dataset(cells[~there], rank[~there]), ROUNDS,
        )  # fmt: skip
        single = [_tau(cells[~there, at], rank[~there]) for at in range(cells.shape[1])]
        best = int(np.nanargmax(np.abs(single)))
        reached.append(_tau(np.asarray(model.predict(cells[judged])), value[judged]))
        rows.append(
            (
                name,
                f"{int(there.sum())}, {int(judged.sum())}",
                f"{reached[-1]:.2f}",
                f"{np.sign(single[best]) * _tau(cells[judged, best], value[judged]):.2f} ({CELL_FEATURES[best]})",
                _two_seeds(finished, name),
                f"{value[there].min():.3f}",
                f"{np.median(value[there]):.3f}",
                f"{value[there].max():.3f}",
            )
        )
    told = f"{len(entries)} trainings of {len({one.cell for one in entries})} cells, {diverged} diverged"
    print(f"{told}; {len(first)} by seed 0. Mean τ: {np.nanmean(reached):.2f}")
    print(table(("text", "cells, judged", "τ", "τ of one feature", "two seeds", "best", "median", "worst"), rows))


def _tau(left: np.ndarray, right: np.ndarray) -> float:
    return float("nan") if np.ptp(left) == 0 else kendall_tau(left, right)


def _two_seeds(entries: Sequence[Training], name: str) -> str:
    by: dict[str, dict[int, float]] = defaultdict(dict)
    for one in entries:
        if one.text == name and one.value is not None:
            by[one.cell][one.seed] = one.value
    both = [(values[0], values[1]) for values in by.values() if {0, 1} <= values.keys()]
    if len(both) < 3:
        return f"– ({len(both)} cells)"
    return f"{_tau(*np.array(both).T):.2f} ({len(both)} cells)"


if __name__ == "__main__":
    main()
