"""What early stopping and successive halving would have saved and lost: replayed on trained curves, datasets left out.

    python benchmarks/cheaper_trainings.py [--database FILE] [--folds 10] [--most 20]

Every task (a dataset and a recipe) with ten finished trainings or more, of at most `--most` networks in an order drawn
once, is verified again by its curves alone, by an extrapolator learned from all other datasets. Printed are the share
of the epochs that were trained, how far the best that was trained to the end stays behind the best of all (mean over
tasks), and the share of tasks whose best was lost:

1. *early stopping*: one after the other, stopped from a quarter of the epochs on when the chance to end over the best
   so far is under a bound;
2. *halving*: all for a share of the epochs, the better third goes on to three times as many, and so on, by the last
   value or by the extrapolated end;
3. *fewer trainings*: as many whole ones as the epochs of the third way pay for, the first of the order: a short-list
   drawn at random.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from curves import LEAST, left_out
from numpy.typing import NDArray

from presage.database import Database
from presage.output import table
from presage.surrogate.curves.extrapolator import CurveExtrapolator, after
from presage.surrogate.curves.loading import load_trainings
from presage.surrogate.curves.trainings import Trainings

BOUNDS = (0.1, 0.05, 0.02, 0.01)
FIRST = 0.25
"""Share of the epochs before which nothing is judged."""
FACTOR = 3
Outcome = tuple[int, float]
"""Epochs trained, and the best accuracy among the trainings that came to their end."""


def stopped_early(model: CurveExtrapolator, task: Trainings, bound: float) -> Outcome:
    """Trainings in order, each against the best before it."""
    done, best, whole = 0, -1.0, np.zeros(len(task), np.bool_)
    for at in range(len(task)):
        epochs = int(task.epochs[at])
        judged = np.arange(int(after(task.epochs[[at]], FIRST)[0]), epochs)
        over = np.zeros(0)
        if at and len(judged):
            told = model.conditioned(task.take(np.flatnonzero(whole)))
            over = told.chance_over(task.take(np.full(len(judged), at)).until(judged), best)
        hopeless = np.flatnonzero(over < bound)
        whole[at] = not len(hopeless)
        done += epochs if whole[at] else int(judged[hopeless[0]])
        if whole[at]:
            best = max(best, float(task.final[at]))
    return done, best


def halved(model: CurveExtrapolator | None, task: Trainings, least: float) -> Outcome:
    """Rungs of three times the epochs each, from a share of them on; by the last value where there is no model."""
    alive, before, epochs, done = np.arange(len(task)), 0, int(task.epochs[0]), 0
    rung = max(round(epochs * least), 1)
    while rung < epochs:
        done += len(alive) * (rung - before)
        now = task.take(alive).until(rung)
        worth = now.accuracy[:, rung - 1] if model is None else model.predict(now).value
        kept = np.argsort(-worth, kind="stable")[: max(round(len(alive) / FACTOR), 1)]
        alive, before, rung = alive[np.sort(kept)], rung, rung * FACTOR
    return done + len(alive) * (epochs - before), float(task.final[alive].max())


def tasks_of(trainings: Trainings, rows: NDArray[np.int64], most: int) -> Iterator[Trainings]:
    """Of these rows every task with trainings enough, at most so many of them, in an order drawn."""
    rng = np.random.default_rng(0)
    for one in np.unique(trainings.task[rows]):
        of = rng.permutation(rows[trainings.task[rows] == one])
        if len(of) >= LEAST and trainings.epochs[of[0]] >= 4:
            yield trainings.take(of[:most])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", type=Path, help="the shipped experience unless given")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--most", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = options.database or Path(scratch) / "shipped.duckdb"
        with Database.open(path, from_seed=options.database is None) as database:
            trainings = load_trainings(database)
    outcomes: dict[str, list[Outcome]] = {}
    whole: list[Outcome] = []
    for learned, rows in left_out(trainings, options.folds):
        model = CurveExtrapolator().fit(trainings.take(learned))
        for task in tasks_of(trainings, rows, options.most):
            epochs = int(task.epochs[0])
            whole.append((epochs * len(task), float(task.final.max())))
            found = {f"early stopping, {bound:g}": stopped_early(model, task, bound) for bound in BOUNDS}
            for least in (1 / 9, 1 / 4):
                found[f"halving from {least:.2f}, last value"] = halved(None, task, least)
                found[f"halving from {least:.2f}, extrapolated"] = halved(model, task, least)
                paid = max(found[f"halving from {least:.2f}, extrapolated"][0] // epochs, 1)
                name = f"as many epochs in whole trainings ({least:.2f})"
                found[name] = (paid * epochs, float(task.final[:paid].max()))
            for name, outcome in found.items():
                outcomes.setdefault(name, []).append(outcome)
    print(f"{len(whole)} tasks, {sum(epochs for epochs, _ in whole):,} epochs.\n")
    cells = []
    for name, found in outcomes.items():
        spent = np.array([one / all_of for (one, _), (all_of, _) in zip(found, whole, strict=True)])
        lost = np.array([best - one for (_, one), (_, best) in zip(found, whole, strict=True)])
        cells.append(
            (name, f"{spent.mean():.2f}", f"{lost.mean():.4f}", f"{lost.max():.3f}", f"{(lost > 0).mean():.2f}")
        )
    print(table(("way", "epochs", "lost in the mean", "at most", "best lost"), cells))


if __name__ == "__main__":
    main()
