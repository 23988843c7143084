"""What the rule that samples experience costs: predictors fitted to a sample against those fitted to all of it.

    python benchmarks/sampled_fit.py [--most 4000] [--predictor boosted-trees] [--folds 5]

The shipped experience stands for one that is too large: of it at most so many experiments are taken by the rule
(`presage.database.SampledDatabase`), and, to compare, as many drawn evenly. Each predictor is fitted to the datasets of
all folds but one and asked of every experiment on those left out, which are the same for all three. Reported are the
mean Kendall τ and squared error of tasks of ten networks or more, by dataset, and how far the mean τ of the samples
lies from that of all, with its standard error over the datasets.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from presage.database import Database, SampledDatabase
from presage.surrogate import Experience, get_predictor, load_experience
from presage.surrogate.predictors.predictor import dataset_folds

LEAST = 10  # networks of a task
Floats = NDArray[np.float64]


def left_out(name: str, learned: Experience, asked: Experience, folds: int) -> Floats:
    """(n,) accuracies of all experiments of `asked`, by predictors that learned without their dataset."""
    found = np.zeros(len(asked))
    for fold in dataset_folds(asked, folds):
        out = [asked.fingerprints[at] for at in fold]
        predictor = get_predictor(name)
        predictor._learn(learned.without(out))
        for task, rows in asked.rows_by_task():
            if task.fingerprint in out:
                found[rows] = predictor._estimate(asked.inputs(rows, task)).value
    return found


def by_dataset(experience: Experience, predicted: Floats) -> tuple[Floats, Floats]:
    """(d,) mean τ of the tasks of each dataset, and their mean squared error."""
    taus: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    for task, rows in experience.rows_by_task():
        if len(rows) >= LEAST:
            tau = kendalltau(predicted[rows], experience.accuracy[rows]).statistic
            taus.setdefault(task.fingerprint, []).append(0.0 if np.isnan(tau) else float(tau))
            error = np.mean((predicted[rows] - experience.accuracy[rows]) ** 2)
            errors.setdefault(task.fingerprint, []).append(float(error))
    return np.array([np.mean(one) for one in taus.values()]), np.array([np.mean(one) for one in errors.values()])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=4_000)
    parser.add_argument("--predictor", action="append", help="may be given more than once")
    parser.add_argument("--folds", type=int, default=5)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as scratch,
        Database.open(Path(scratch) / "seed.duckdb", from_seed=True) as database,
    ):
        every = load_experience(database)
        ruled = load_experience(SampledDatabase(database, most=given.most))
    drawn = every.take(np.sort(np.random.default_rng(0).permutation(len(every))[: len(ruled)]))
    print(f"{'predictor':16}{'learned from':>22}{'τ':>8}{'MSE':>9}   τ against all", flush=True)
    for name in given.predictor or ["boosted-trees"]:
        whole: Floats | None = None
        for label, learned in (("all", every), ("by the rule", ruled), ("drawn evenly", drawn)):
            tau, error = by_dataset(every, left_out(name, learned, every, given.folds))
            whole = tau if whole is None else whole
            gap = tau - whole
            says = f"{gap.mean():+.4f} ± {gap.std(ddof=1) / np.sqrt(len(gap)):.4f}" if learned is not every else ""
            print(f"{name:16}{label:>13} {len(learned):>8,}{tau.mean():8.4f}{error.mean():9.5f}   {says}", flush=True)


if __name__ == "__main__":
    main()
