"""Predictions beyond experience: datasets, recipes and sizes left out together, beside what sizes alone say.

    python benchmarks/beyond.py [--experience ../shared/experience] [--parts 3] [--predictor kernel-ridge]

Datasets are dealt into parts, and each part leaves the experience whole. Its networks are then predicted as trained by
the usual recipe; by each other recipe, which other datasets were trained by; by that recipe again, with all of its rows
left out of the experience too; and by the usual recipe, with all networks left out that have more than a quarter of the
multiply-adds of the largest, which are then the ones predicted. Means over tasks with at least six networks; "allowed"
is 1.5 times the mean width of 90 % intervals that normal errors of the measured size need.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")  # before NumPy is loaded

import numpy as np
from numpy.typing import NDArray
from tables import NORMAL, learned_from

from presage.surrogate import Experience, get_predictor
from presage.surrogate.data.encoding import capacities
from presage.surrogate.metrics import coverage, kendall_tau, mse, regret_at_k, width
from presage.surrogate.predictors.predictor import dataset_folds
from presage.surrogate.predictors.recipe_effect import usual_tasks

Mask = NDArray[np.bool_]

LEAST = 6
"""Networks of a task that are worth ranking."""

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--experience", type=Path, default=Path("../shared/experience"), help="further experience, Parquet")
parser.add_argument("--parts", type=int, default=3, help="parts that the datasets are dealt into")
parser.add_argument("--predictor", default="kernel-ridge")


def main() -> None:
    arguments = parser.parse_args()
    experience = learned_from(arguments.experience)
    found: dict[str, list[tuple[float, ...]]] = {}
    for part in dataset_folds(experience, arguments.parts):
        out = np.isin(experience.group, part)
        for name, known, asked in cases(experience, out):
            predictor = get_predictor(arguments.predictor).fit(experience.take(known))
            for task, rows in experience.rows_by_task():
                some = rows[asked[rows]]
                if len(some) >= LEAST:
                    inputs = experience.inputs(some, task)
                    truth, said = experience.accuracy[some], predictor.interval_of(inputs)
                    _, multiply_adds, parameters = inputs.capacities.T
                    found.setdefault(name, []).append(
                        (
                            kendall_tau(truth, said.value),
                            kendall_tau(truth, parameters),
                            kendall_tau(truth, multiply_adds),
                            mse(truth, said.value),
                            regret_at_k(truth, said.value, 5),
                            coverage(truth, said.lower, said.upper),
                            width(said.lower, said.upper),
                        )
                    )
    print(f"{'what is left out':44} tasks      τ params   MACs   RMSE regret covers  width allowed")
    for name, rows in found.items():
        tau, by_parameters, by_macs, error, regret, covers, wide = np.mean(rows, axis=0).tolist()
        sizes = " ".join(f"{value:6.3f}" for value in (tau, by_parameters, by_macs, error**0.5, regret, covers, wide))
        print(f"{name:44} {len(rows):5} {sizes} {1.5 * NORMAL * error**0.5:7.3f}", flush=True)


def cases(experience: Experience, out: Mask) -> Iterator[tuple[str, Mask, Mask]]:
    """Names of what is left out beside the datasets of `out` (n,); which rows are learned from, and which are asked."""
    usual = np.isin(experience.task_index, usual_tasks(experience))
    yield "dataset", ~out, out & usual
    yield "dataset, another recipe", ~out, out & ~usual
    recipes = np.array([task.recipe for task in experience.tasks])[experience.task_index]
    sizes = np.bincount(experience.task_index[out & ~usual], minlength=len(experience.tasks))
    for recipe in sorted({task.recipe for task, n in zip(experience.tasks, sizes, strict=True) if n >= LEAST}):
        by_it = recipes == recipe
        yield "dataset and recipe", ~out & ~by_it, out & by_it
    size = capacities(experience.features)[:, 1]
    large = size > size[usual].max() - np.log10(4.0)
    yield "dataset and networks up to 4 times larger", ~out & ~large, out & usual & large
    yield "all three", ~out & usual & ~large, out & ~usual & large


if __name__ == "__main__":
    main()
