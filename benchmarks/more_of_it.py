"""What more images, larger ones and longer training bring, predicted against trained, on datasets left out.

    python benchmarks/more_of_it.py [--experience FOLDER] [--every]

For every recipe of the experience that differs from the usual one in its images, its side or its epochs alone, and
every dataset with networks trained by both: the mean difference of their accuracies, and what the outlook of the
difficulty card makes of it when nothing of the dataset but its probe and its ladder is known. Beside it: the mean
effect of all other datasets for as many doublings, which knows no ladder. In points of accuracy.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")  # before NumPy is loaded

import numpy as np
from tables import learned_from

from presage.surrogate import Experience
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.outlook import OutlookModel
from presage.surrogate.predictors.recipe_effect import RecipeEffect, usual_tasks

NAMES = ("epochs", "images", "side")

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--experience", type=Path, default=Path("../shared/experience"), help="further experience, Parquet")
parser.add_argument("--every", action="store_true", help="a line for every pair of recipes")


@dataclass(frozen=True)
class Effect:
    """One dataset by two recipes: networks trained by both, and the difference in points, trained and predicted."""

    what: str
    dataset: str
    networks: int
    doublings: float
    trained: float
    predicted: float
    lower: float
    upper: float


def main() -> None:
    arguments = parser.parse_args()
    experience = learned_from(arguments.experience)
    bare = replace(experience, tasks=tuple(without_ladder(task) for task in experience.tasks), _source=None)
    with_ladder, without = list(effects(experience)), list(effects(bare))
    if arguments.every:
        for one in with_ladder:
            said = f"{one.predicted:+6.1f} [{one.lower:+6.1f}, {one.upper:+6.1f}]"
            print(f"{one.dataset:20} {one.what:7} {one.doublings:+5.2f} {one.networks:3} {one.trained:+6.1f} {said}")
    heads = "pairs   sign  sign, over 1 point  within 2  within 3   RMSE  covers"
    print(f"{'what is more':24} {heads}")
    for name in (*NAMES, "all"):
        for label, found in (("", with_ladder), (", no ladder", without)):
            some = [one for one in found if name in (one.what, "all")]
            if some:
                print(f"{name + label:24} {summary(some)}")
    once = [one for one in with_ladder if one.what != "epochs" and abs(one.doublings) <= 1.5]
    print(f"{'images or side, about once':24} {summary(once)}")


def summary(found: list[Effect]) -> str:
    """Shares of right signs, of right signs of effects over a point, within 2 and 3 points; error; coverage."""
    trained, predicted = (np.array([getattr(one, name) for one in found]) for name in ("trained", "predicted"))
    right, clear = np.sign(trained) == np.sign(predicted), np.abs(trained) > 1.0
    off = np.abs(trained - predicted)
    held = np.mean([one.lower <= one.trained <= one.upper for one in found])
    cells = f"{len(found):5} {right.mean():6.2f} {right[clear].mean():12.2f} of {clear.sum():3}"
    return f"{cells} {np.mean(off <= 2):9.2f} {np.mean(off <= 3):9.2f} {np.sqrt(np.mean(off**2)):6.2f} {held:7.2f}"


def without_ladder(task: Task) -> Task:
    """The task as if its ladder had never been climbed."""
    return replace(task, description=tuple(item for item in task.description if not item[0].startswith("ladder:")))


def effects(experience: Experience) -> Iterator[Effect]:
    """All differences of one thing alone, each predicted without its dataset."""
    effect = RecipeEffect().fit(experience)
    usual = {experience.tasks[at].fingerprint: at for at in usual_tasks(experience).tolist()}
    models: dict[str, OutlookModel] = {}
    for index, task in enumerate(experience.tasks):
        columns = effect.columns(task)
        if task.fingerprint not in usual or index in usual.values() or task.mirrored or task.regularisers:
            continue
        before = experience.tasks[usual[task.fingerprint]]
        changed = (
            task.epochs != before.epochs,
            task.train_images != before.train_images,
            task.image_side != before.image_side,
        )
        if sum(changed) != 1:
            continue
        known: dict[str, list[float]] = {}
        for row in np.flatnonzero(experience.task_index == usual[task.fingerprint]).tolist():
            known.setdefault(str(experience.hashes[row]), []).append(float(experience.accuracy[row]))
        rows = [
            row
            for row in np.flatnonzero(experience.task_index == index).tolist()
            if str(experience.hashes[row]) in known
        ]
        if not rows:
            continue
        if task.fingerprint not in models:
            models[task.fingerprint] = OutlookModel().fit(experience.without([task.fingerprint]))
        then = np.array([np.mean(known[str(experience.hashes[row])]) for row in rows])
        shift, reach = models[task.fingerprint].shift(before, task)
        said = [
            100 * float((from_logit(to_logit(then) + by) - then).mean()) for by in (shift, shift - reach, shift + reach)
        ]
        trained = 100 * float((experience.accuracy[rows] - then).mean())
        what = changed.index(True)
        yield Effect(NAMES[what], task.name, len(rows), float(columns[what]), trained, *said)


if __name__ == "__main__":
    main()
