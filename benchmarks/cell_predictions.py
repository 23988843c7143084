"""How well features of a recurrent cell tell how it does on a text that was never seen: each text left out in turn.

    python benchmarks/cell_predictions.py [SHARD.jsonl...]

Of the shipped experience and of shards, those of `python -m presage.training.text.campaign`, as
`presage.surrogate.cells` learns from them. By each text, over the cells that no other text was trained with: Kendall's
τ between what is predicted and what the cells scored; beside it τ of the single feature that is best on the other
texts, and of two seeds; how far the best of eight cells is from the best of all, in per cent of its bits, where the
eight are the first by prediction, and where they are any; and the share of the 90 % intervals, calibrated on the other
texts, that hold what was scored.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from presage.architecture.recurrent.features import CELL_FEATURES
from presage.database import Database
from presage.output import table
from presage.records.entries import TextExperimentEntry
from presage.records.shards import read_entries
from presage.records.text_experiment import TextExperimentRecord
from presage.surrogate.cells.experience import CellExperience, load_cells
from presage.surrogate.cells.predictor import LEVEL, judged, left_out
from presage.surrogate.metrics import kendall_tau
from presage.surrogate.predictors.conformal import pooled_quantile

SHORT = 8
"""Cells of a short-list."""


def experience_of(shards: Sequence[str]) -> tuple[CellExperience, list[TextExperimentRecord], dict[str, str]]:
    """What is learned from, every training, and the names of texts by fingerprint."""
    with TemporaryDirectory() as scratch, Database.open(Path(scratch) / "cells.duckdb", from_seed=True) as database:
        for shard in shards:
            read = read_entries(Path(shard))
            database.add_text_experiments(one for one in read if isinstance(one, TextExperimentEntry))
        names = {one.fingerprint: one.name for one in database.texts()}
        return load_cells(database).finished, list(database.text_experiments()), names


def main() -> None:
    experience, trainings, names = experience_of(sys.argv[1:])
    predicted, truth = left_out(experience), experience.relative
    off = np.abs(truth - predicted)
    rows, means = [], []
    for of in judged(experience):
        text = experience.text[of][0]
        others = experience.text != text
        half = pooled_quantile(off[others], experience.text[others], LEVEL)
        single = [_tau(experience.features[others, at], truth[others]) for at in range(len(CELL_FEATURES))]
        best = int(np.nanargmax(np.abs(single)))
        bits, order = 1 + truth[of], np.argsort(predicted[of], kind="stable")
        found = (
            _tau(predicted[of], truth[of]),
            np.sign(single[best]) * _tau(experience.features[of, best], truth[of]),
            _two_seeds(trainings, experience.texts[text]),
            100 * (bits[order[:SHORT]].min() / bits.min() - 1),
            100 * (_best_of_any(bits) / bits.min() - 1),
            float(np.mean(off[of] <= half)),
        )
        means.append(found)
        digits = ("{:.2f}", "{:.2f}", "{:.2f}", "{:.1f}", "{:.1f}", "{:.2f}")
        told = [form.format(value) for form, value in zip(digits, found, strict=True)]
        rows.append((names[experience.texts[text]], str(int(of.sum())), *told, CELL_FEATURES[best]))
    average = [f"{value:.2f}" for value in np.nanmean(np.array(means), axis=0)]
    rows = [*sorted(rows, key=lambda row: -float(row[2])), ("mean", "", *average, "")]
    print(experience)
    names_of = ("text", "cells", "τ", "of one feature", "of two seeds", f"first {SHORT}, %", f"any {SHORT}, %", "held")
    print(table((*names_of, "feature"), rows))


def _tau(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    return float("nan") if np.ptp(left) == 0 else kendall_tau(left, right)


def _best_of_any(bits: NDArray[np.float64]) -> float:
    """Fewest bits of `SHORT` cells drawn at random, the mean of 1,000 draws."""
    numbers = np.random.default_rng(0)
    return float(np.mean([numbers.choice(bits, min(SHORT, len(bits)), False).min() for _ in range(1000)]))


def _two_seeds(trainings: Sequence[TextExperimentRecord], text: str) -> float:
    by: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for one in trainings:
        if one.text == text and one.value is not None:
            by[one.cell, one.text_recipe][one.seed] = one.value
    both = [(values[0], values[1]) for values in by.values() if {0, 1} <= values.keys()]
    return _tau(*np.array(both).T) if len(both) > 2 else float("nan")


if __name__ == "__main__":
    main()
