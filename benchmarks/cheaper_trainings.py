"""What early stopping and successive halving would have saved and lost: replayed on trained curves, datasets left out.

    python benchmarks/cheaper_trainings.py [--database FILE] [--folds 10] [--most 20] [--bounds 0.05 0.02]

Every task (a dataset and a recipe) with ten finished trainings or more, of at most `--most` networks in an order drawn
once, is verified again by its curves alone, by an extrapolator learned from all other datasets. Printed are the share
of the epochs that were trained, how far the best that was trained to the end stays behind the best of all (mean over
tasks), and the share of tasks whose best was lost:

1. *early stopping*: one after the other, stopped from a quarter of the epochs on when the chance to end over the best
   so far is under a bound;
2. *asha*, *hyperband*: as `presage search --verify` has them, from a share of the epochs on, compared by the last value
   or by the extrapolated end;
3. *as many epochs in whole trainings*: as many as the epochs of the second way pay for, the first of the order: a
   short-list drawn at random.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from curves import LEAST, left_out
from numpy.typing import NDArray

from presage.database import Database
from presage.output import table
from presage.search.ladder import LADDERS, ladder
from presage.surrogate.curves.extrapolator import CurveExtrapolator, after
from presage.surrogate.curves.learning_curves import LearningCurves
from presage.surrogate.curves.loading import load_trainings

BOUNDS = (0.1, 0.05, 0.02, 0.01)
FIRST = 0.25
"""Share of the epochs before which nothing is judged."""
SHARES = (1 / 12, 1 / 9, 1 / 4)
"""Of the epochs, at which ladders begin."""
COMPARED = {"last value": False, "extrapolated": True}
Outcome = tuple[int, float]
"""Epochs trained, and the best accuracy among the trainings that came to their end."""


def stopped_early(model: CurveExtrapolator, task: LearningCurves, bound: float) -> Outcome:
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


def laddered(model: CurveExtrapolator | None, task: LearningCurves, name: str, share: float) -> Outcome:
    """As `presage search --verify` trains them; compared by the last value where there is no model."""
    schedule, epochs = ladder(name, len(task), int(task.epochs[0]), share), np.zeros(len(task), np.int64)
    while (job := schedule.next()) is not None:
        at, until = job
        epochs[at] = until
        now = task.take([at]).until(until)
        value = now.accuracy[0, until - 1] if model is None else model.predict(now).value[0]
        schedule.tell(at, until, float(value))
    return int(epochs.sum()), float(task.final[epochs == task.epochs].max())


def tasks_of(trainings: LearningCurves, rows: NDArray[np.int64], most: int) -> Iterator[LearningCurves]:
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
    parser.add_argument(
        "--bounds", type=float, nargs="*", default=BOUNDS, help="of early stopping (default: %(default)s)"
    )
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
            found = {f"early stopping, {bound:g}": stopped_early(model, task, bound) for bound in options.bounds}
            for (name, share), (by, told) in product(product(LADDERS, SHARES), COMPARED.items()):
                way = f"{name} from {share:.2f}"
                found[f"{way}, {by}"] = laddered(model if told else None, task, name, share)
                paid = max(found[f"{way}, {by}"][0] // epochs, 1)
                found[f"as many epochs in whole trainings ({way})"] = paid * epochs, float(task.final[:paid].max())
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
