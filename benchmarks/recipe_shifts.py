"""What recipes do to the mean of a task, predicted against trained: on datasets never seen, and on known ones.

    python benchmarks/recipe_shifts.py [--experience FOLDER] [--folds 5] [--least 6]

A task's shift is the mean, over its networks, of the logit of the accuracy less what the usual recipe would have made
of them on its dataset: of a network that both trained, what it did; of others, what kernel ridge makes of them (fitted
to everything, for this is about the mean alone). `RecipeEffect` predicts the shifts of a fifth of the datasets from the
others, and those of a tenth of the tasks, at random, from all others. Told are the root mean squared error in logits
(weighted by what tasks of so many networks scatter) and in accuracy, of tasks of at least so many networks, of
trainings on larger images that see more than 40,000, and what the standard error said is of the true one.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")  # before NumPy is loaded

import numpy as np
from numpy.typing import NDArray
from tables import learned_from

from presage.surrogate import Experience, get_predictor
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.kernel_ridge import KernelRidge
from presage.surrogate.predictors.recipe_effect import ROW, TASK, RecipeEffect

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONG = 40_000

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--experience", type=Path, default=Path("../shared/experience"), help="further experience, Parquet")
parser.add_argument("--folds", type=int, default=5, help="parts of the datasets")
parser.add_argument("--least", type=int, default=6, help="networks that a task of the second column has")


def main() -> None:
    arguments = parser.parse_args()
    experience = learned_from(arguments.experience)
    tasks, found = shifts(experience)
    shift, networks, mean, spread = found.T
    names = [task.fingerprint for task in tasks]
    dealt = {name: at % arguments.folds for at, name in enumerate(sorted(set(names)))}
    folds = {
        "datasets never seen": np.array([dealt[name] for name in names]),
        "datasets known": np.random.default_rng(0).integers(0, 10, len(tasks)),
    }
    some = networks >= arguments.least
    rich = np.array([task.image_side > 16 and task.images_seen > LONG for task in tasks])
    print(f"{len(tasks)} tasks of {len(set(names))} datasets, {some.sum()} of {arguments.least} networks or more")
    print(f"{'':22} logits  of many  accuracy  larger images, long ({rich.sum()})  true / said")
    for label, fold in folds.items():
        said, error = predicted(experience, tasks, found, fold)
        noise = np.square(ROW * spread) / networks
        off, missed = shift - said, from_logit(mean + shift) - from_logit(mean + said)
        print(
            f"{label:22} {np.sqrt(np.average(off**2, weights=1 / (TASK**2 + noise))):6.3f} {rms(off[some]):8.3f}"
            f" {rms(missed[some]):9.4f} {rms(missed[rich]):28.4f} {rms(off / np.sqrt(error**2 + noise)):12.2f}"
        )


def shifts(experience: Experience) -> tuple[list[Task], Floats]:
    """Tasks of other recipes than the usual one; (t, 4) shift, networks, and mean and spread by the usual recipe."""
    predictor = get_predictor("kernel-ridge")
    assert isinstance(predictor, KernelRidge)
    predictor._learn(experience)
    scale, beyond = predictor.scale_, predictor.beyond_
    gains = beyond.gains(experience, scale.effect_)
    relative = scale._paired(experience, predictor.worth_(predictor._relative_of_rows(experience)) + gains, gains)
    logits = to_logit(experience.accuracy)
    tasks, found = [], []
    for task, rows in experience.rows_by_task():
        if not scale.effect_.is_usual(task) and not task.assumed:
            usual = scale.usual(task)
            tasks.append(task)
            off = logits[rows] - usual.mean - usual.spread * relative[rows]
            found.append([off.mean(), len(rows), usual.mean, usual.spread])
    return tasks, np.array(found)


def predicted(experience: Experience, tasks: list[Task], found: Floats, fold: Ints) -> tuple[Floats, Floats]:
    """(t,) shifts, each predicted without its fold, and (t,) standard errors."""
    value, error = np.empty(len(tasks)), np.empty(len(tasks))
    effect = RecipeEffect().fit(experience)
    for out in np.unique(fold):
        known, asked = np.flatnonzero(fold != out), np.flatnonzero(fold == out)
        effect.learn([tasks[at] for at in known], found[known, 0], found[known, 1], found[known, 3])
        for at in asked.tolist():
            value[at], error[at] = effect.predict(tasks[at], float(found[at, 3]))
    return value, error


def rms(values: Floats) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


if __name__ == "__main__":
    main()
