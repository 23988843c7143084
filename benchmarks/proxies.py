"""How well zero-cost proxies rank trained networks: alone, on top of a predictor, and on a space never seen.

    python benchmarks/proxies.py DATASET... [--database FILE] [--predictor kernel-ridge] [--cache FOLDER] [--most 60]

Reads what the database knows of these datasets, measures every proxy of every network once (about 70 ms of one core
each, kept in the cache folder), and prints

1. Kendall τ with the trained accuracy, per dataset: of each proxy, of the multiply-adds, and of a predictor that was
   fitted without the dataset;
2. what a ridge regression gains that adds ranks by proxies to that prediction, itself fitted without the dataset;
3. Kendall τ among the networks of some families of spaces that were withheld from the predictor too.

Datasets are left out in `--parts` parts, not one by one.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from presage.database import Database
from presage.surrogate import Experience, get_predictor, load_experience
from presage.surrogate.data.logit import from_logit, to_logit
from presage.surrogate.metrics import kendall_tau, mse
from presage.surrogate.proxies import PROXIES, Minibatch, proxies, within_ranks
from presage.training import Recipe, load_dataset, prepare

Floats = NDArray[np.float64]
NAMES = ("multiply-adds", *PROXIES)
RIDGE = 5.0


@dataclass(frozen=True, eq=False)
class Target:
    """A dataset with n networks trained on it: rows of the experience, and what proxies say of them."""

    name: str
    task: int
    rows: NDArray[np.int64]
    accuracy: Floats
    families: NDArray[np.str_]
    values: dict[str, Floats]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", help="as `presage probe` takes them")
    parser.add_argument("--database", type=Path, default=None, help="default: the user's own")
    parser.add_argument("--predictor", default="kernel-ridge")
    parser.add_argument("--cache", type=Path, default=Path("runs/proxies"))
    parser.add_argument("--parts", type=int, default=5)
    parser.add_argument("--withhold", action="append", help="families, by commas; may be given more than once")
    parser.add_argument("--most", type=int, default=60, help="networks of a dataset; those known best come first")
    arguments = parser.parse_args()
    with Database.open(arguments.database) as database:
        experience = load_experience(database)
        family = {record.hash: (record.space or "").partition(":")[0] for record in database.architecture_records()}
        recipes = {record.hash: Recipe.from_json(record.json) for record in database.recipes()}
    targets: list[Target] = []
    for spec in arguments.datasets:
        dataset = load_dataset(spec)
        tasks = [at for at, task in enumerate(experience.tasks) if task.fingerprint == dataset.fingerprint]
        if not tasks:
            print(f"{spec} is not in the database and is passed over.")
            continue
        rows = chosen(experience, tasks[0], arguments.most)
        minibatch = Minibatch.of(prepare(dataset, recipes[experience.tasks[tasks[0]].recipe], "cpu"))
        values = measured(experience, rows, minibatch, arguments.cache / f"{dataset.name}.json")
        values["multiply-adds"] = multiply_adds(experience, rows, tasks[0])
        families = np.array([family[key] for key in experience.hashes[rows].tolist()])
        accuracy = mean_accuracy(experience, rows, tasks[0])
        targets.append(Target(dataset.name, tasks[0], rows, accuracy, families, values))
    if not targets:
        print("No dataset of the database was named: nothing to do.")
        return
    rivals = Rivals(experience, targets, arguments.predictor, arguments.parts)
    predicted = rivals.predictions(np.zeros(len(experience), bool))
    print_alone(targets, predicted, arguments.predictor)
    print_stacked(targets, predicted)
    print(f"\nAmong networks of families withheld from {arguments.predictor}, mean τ\n{header(arguments.predictor)}")
    of_row = np.array([family[key] for key in experience.hashes.tolist()])
    for names in arguments.withhold or sorted(set(of_row.tolist())):
        print_withheld(names, targets, rivals.predictions(np.isin(of_row, names.split(","))))


@dataclass(frozen=True, eq=False)
class Rivals:
    """Predictors that saw nothing of the datasets they are asked about."""

    experience: Experience
    targets: Sequence[Target]
    name: str
    parts: int

    def predictions(self, withheld: NDArray[np.bool_]) -> list[Floats]:
        """(n,) for each target, by a predictor that saw none of its dataset, nor any row that is withheld."""
        found: list[Floats] = [np.empty(0)] * len(self.targets)
        fingerprint = np.array([task.fingerprint for task in self.experience.tasks])[self.experience.task_index]
        for part in range(min(self.parts, len(self.targets))):
            asked = range(part, len(self.targets), self.parts)
            out = [self.experience.tasks[self.targets[at].task].fingerprint for at in asked]
            learner = get_predictor(self.name)
            learner._learn(self.experience.take(~np.isin(fingerprint, out) & ~withheld))
            for at in asked:
                target = self.targets[at]
                inputs = self.experience.inputs(target.rows, self.experience.tasks[target.task])
                found[at] = learner._estimate(inputs).value
        return found


def chosen(experience: Experience, task: int, most: int) -> NDArray[np.int64]:
    """One row for each network trained on a task, at most `most`: first those that were trained on most datasets."""
    rows = np.flatnonzero(experience.task_index == task)
    names, counts = np.unique(experience.hashes, return_counts=True)
    often = dict(zip(names.tolist(), counts.tolist(), strict=True))
    keys, first = np.unique(experience.hashes[rows], return_index=True)
    order = sorted(range(len(keys)), key=lambda at: (-often[keys[at]], keys[at]))[:most]
    return np.sort(rows[first[order]])


def mean_accuracy(experience: Experience, rows: NDArray[np.int64], task: int) -> Floats:
    """(n,) over the seeds that each network was trained with."""
    of_task = experience.task_index == task
    hashes, accuracy = experience.hashes[of_task], experience.accuracy[of_task]
    return np.array([accuracy[hashes == experience.hashes[row]].mean() for row in rows])


def multiply_adds(experience: Experience, rows: NDArray[np.int64], task: int) -> Floats:
    from presage.architecture.batch.costs import batch_costs

    on = experience.tasks[task]
    return batch_costs(experience.graphs.take(rows), on.input_shape, on.classes).multiply_adds.astype(np.float64)


def measured(experience: Experience, rows: NDArray[np.int64], minibatch: Minibatch, file: Path) -> dict[str, Floats]:
    """Every proxy of every network, (n,) each; kept in a file by the networks' hashes."""
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    fresh = [row for row in rows.tolist() if experience.hashes[row] not in known]
    for row in fresh:
        known[str(experience.hashes[row])] = proxies(experience.graphs.architecture(row), minibatch, device="cpu")
    if fresh:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(known), encoding="utf-8")
    return {name: np.array([known[key][name] for key in experience.hashes[rows].tolist()]) for name in PROXIES}


def header(predictor: str) -> str:
    return "".join(f"{name:>20}" for name in ("", "networks", predictor, *NAMES))


def print_alone(targets: Sequence[Target], predicted: Sequence[Floats], predictor: str) -> None:
    print(f"Kendall τ with trained accuracy\n{header(predictor)}")
    table = [taus(t.accuracy, found, t.values) for t, found in zip(targets, predicted, strict=True)]
    for target, line in zip(targets, table, strict=True):
        print(f"{target.name:>20}{len(target.rows):20}" + "".join(f"{tau:20.3f}" for tau in line))
    print(f"{'mean':>20}{'':20}" + "".join(f"{tau:20.3f}" for tau in np.mean(table, axis=0)))


def print_stacked(targets: Sequence[Target], predicted: Sequence[Floats]) -> None:
    """Adds ranks to the left-out prediction: logit ŷ + s · ridge(relative accuracy, ranks), s its spread."""
    if len(targets) < 3:
        return
    print("\nOn top of the left-out prediction, fitted without the dataset: mean τ, datasets where it rises, MSE")
    pairs = list(zip(targets, predicted, strict=True))
    alone = np.array([[kendall_tau(t.accuracy, found), mse(t.accuracy, found)] for t, found in pairs])
    print(f"{'the prediction alone':>28} {alone[:, 0].mean():.4f} {'':7} {alone[:, 1].mean():.5f}")
    for use in ((), *((name,) for name in NAMES), tuple(PROXIES)):
        scores = np.array([stacked(pairs, at, use) for at in range(len(pairs))])
        rises = int((scores[:, 0] > alone[:, 0] + 1e-9).sum())
        name = "rescaled" if not use else use[0] if len(use) == 1 else "all seven proxies"
        print(f"{name:>28} {scores[:, 0].mean():.4f} {rises:2} / {len(pairs):2} {scores[:, 1].mean():.5f}")


def stacked(pairs: Sequence[tuple[Target, Floats]], out: int, use: Sequence[str]) -> tuple[float, float]:
    """(τ, MSE) on one dataset by weights fitted on all others."""

    def inputs(target: Target, predicted: Floats) -> tuple[Floats, Floats, float]:
        z = to_logit(predicted)
        spread = float(z.std()) + 1e-3
        columns = [(z - z.mean()) / spread, *(within_ranks(target.values[name]) - 0.5 for name in use)]
        return np.stack(columns, axis=1), z, spread

    matrices, aims = [], []
    for at, (target, predicted) in enumerate(pairs):
        if at != out:
            matrix, z, spread = inputs(target, predicted)
            truth = to_logit(target.accuracy)
            matrices.append(matrix)
            aims.append(np.clip(((truth - truth.mean()) - (z - z.mean())) / spread, -3, 3))
    a, y = np.concatenate(matrices), np.concatenate(aims)
    weights = np.linalg.solve(a.T @ a + RIDGE * np.eye(a.shape[1]), a.T @ y)
    target, predicted = pairs[out]
    matrix, z, spread = inputs(target, predicted)
    new = from_logit(z + spread * (matrix @ weights))
    return kendall_tau(target.accuracy, new), mse(target.accuracy, new)


def print_withheld(names: str, targets: Sequence[Target], predicted: Sequence[Floats]) -> None:
    """What ranks networks unlike any that the predictor has seen."""
    lines, networks = [], 0
    for target, found in zip(targets, predicted, strict=True):
        mine = np.isin(target.families, names.split(","))
        truth = target.accuracy[mine]
        if len(truth) < 5 or np.ptp(truth) == 0:
            continue
        networks += len(truth)
        lines.append(taus(truth, found[mine], {key: values[mine] for key, values in target.values.items()}))
    if lines:
        print(f"{names[:20]:>20}{networks:20}" + "".join(f"{tau:20.3f}" for tau in np.mean(lines, axis=0)))


def taus(truth: Floats, predicted: Floats, values: dict[str, Floats]) -> list[float]:
    """Kendall τ of the prediction, and of each of `NAMES`."""
    return [kendall_tau(truth, predicted), *(kendall_tau(truth, values[name]) for name in NAMES)]


if __name__ == "__main__":
    main()
