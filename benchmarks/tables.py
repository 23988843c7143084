"""Predictions for other people's trainings: every public table at hand, train-free and with some of its networks told.

    python benchmarks/tables.py [--tables ../shared/tables] [--experience ../shared/experience] [--networks 2000]

Learned from the shipped experience (and from the folder of `--experience`, where it is there), CIFAR-10 and all of its
trainings left out. The truth is trained at another scale than anything learned from: 200 epochs, 25,000 or 50,000
images of 32x32, networks of up to 220 million multiply-adds. Of each table some networks are drawn, the same in every
run. k of these are told, in several draws; scored are all others. Beside it: parameters and multiply-adds alone, and
`WithinSpace`, which learns from the k networks and nothing else. "allowed" is 1.5 times the mean width of 90 %
intervals that normal errors of the measured size need.

ImageNet16-120's images are not at hand, so that its probe is that of `tiny_imagenet` (its trainings are another's): its
values are no test of means.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")  # before NumPy is loaded

import numpy as np
from nbmacro import NBMacro
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.spaces import NB201
from presage.database import Database
from presage.surrogate import Experience, Prediction, Predictor, Task, WithinSpace, get_predictor, load_experience
from presage.surrogate.data.encoding import Inputs
from presage.surrogate.metrics import coverage, kendall_tau, mse, regret_at_k, width
from presage.surrogate.predictors.recipe_effect import usual_tasks

Floats = NDArray[np.float64]

SHOTS = (5, 20, 50, 100)
NORMAL = 2 * 1.6449
"""Width of a 90 % interval of normal errors, in standard deviations."""

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--tables", type=Path, default=Path("../shared/tables"), help="folder of the tables")
parser.add_argument("--experience", type=Path, default=Path("../shared/experience"), help="further experience, Parquet")
parser.add_argument("--networks", type=int, default=2000, help="drawn of each table")
parser.add_argument("--draws", type=int, default=5, help="draws of the networks that are told")
parser.add_argument("--predictor", default="ensemble")


@dataclass(frozen=True, eq=False)
class Table:
    """Networks of one public table, trained by its authors."""

    name: str
    graphs: GraphBatch
    task: Task
    accuracy: Floats


def main() -> None:
    arguments = parser.parse_args()
    experience = learned_from(arguments.experience)
    hidden = [task.fingerprint for task in experience.tasks if task.name == "cifar10"]
    known = experience.without(hidden)
    predictor = get_predictor(arguments.predictor)
    begin = time.process_time()
    predictor.fit(known)
    print(f"{len(known)} experiments, none on CIFAR-10, fitted in {time.process_time() - begin:.0f} CPU seconds\n")
    heads = "    τ", "within", "params", "MACs", "RMSE", "mean", "true", "regret", "covers", "width"
    print(f"{'table':26} told {' '.join(f'{head:>6}' for head in heads)} allowed  extrapolates")
    for table in tables(arguments, experience):
        report(table, predictor, arguments.draws)


def learned_from(folder: Path) -> Experience:
    """The shipped experience, and that of a folder where it is there."""
    with (
        tempfile.TemporaryDirectory() as place,
        Database.open(Path(place) / "tables.duckdb", from_seed=True) as database,
    ):
        if folder.is_dir():
            database.import_parquet(folder)
        return load_experience(database)


def by_dataset(experience: Experience) -> dict[str, Task]:
    """By the name of the dataset, the tasks of the recipe that most datasets were trained by."""
    return {task.name: task for task in (experience.tasks[at] for at in usual_tasks(experience))}


def by_authors(task: Task, **changed: Any) -> Task:
    """A task as the authors of the tables trained it: 200 epochs of all its images."""
    return replace(task, recipe="table", epochs=200, epoch_images=0, **changed)


def nb201_graphs(texts: NDArray[Any]) -> GraphBatch:
    """Cells of NAS-Bench-201 in its networks of 15 of them."""
    space = NB201(cells=5, width=16)
    return space.decode_batch(space.codes([space.from_string(str(text)) for text in texts]))


def tables(arguments: argparse.Namespace, experience: Experience) -> Iterator[Table]:
    """The tables whose files are there."""
    usual = by_dataset(experience)

    def drawn(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        length = len(next(iter(columns.values())))
        rows = np.sort(np.random.default_rng(7).permutation(length)[: arguments.networks])
        return {name: column[rows] for name, column in columns.items()}

    def trained(dataset: str, **changed: Any) -> Task:
        return by_authors(usual[dataset], **changed)

    path = arguments.tables / "nb201.parquet"
    if path.is_file():
        columns = drawn(read(path, ["arch_str", "c10_val_200ep", "c10_val_12ep", "in16_val_200ep"]))
        graphs = nb201_graphs(columns["arch_str"])
        task = trained("cifar10", image_side=32, train_images=25_000)
        yield Table("NAS-Bench-201, CIFAR-10", graphs, task, columns["c10_val_200ep"] / 100)
        yield Table("the same, 12 epochs", graphs, replace(task, epochs=12), columns["c10_val_12ep"] / 100)
        if "tiny_imagenet" in usual:
            unseen = {"fingerprint": "ImageNet16-120", "name": "imagenet16"}  # of whose trainings nothing is known
            task = trained("tiny_imagenet", image_side=16, train_images=151_700, classes=120, **unseen)
            yield Table("NAS-Bench-201, ImageNet16", graphs, task, columns["in16_val_200ep"] / 100)
    path = arguments.tables / "nbmacro.parquet"
    if path.is_file():
        columns = drawn(read(path, ["arch", "mean_acc"]))
        codes = np.array([[int(choice) for choice in str(name)] for name in columns["arch"]], np.int64)
        task = trained("cifar10", image_side=32, train_images=50_000)
        yield Table("NAS-Bench-Macro, CIFAR-10", NBMacro().decode_batch(codes), task, columns["mean_acc"] / 100)


def read(file: Path, names: list[str]) -> dict[str, NDArray[Any]]:
    """Columns of a table."""
    try:
        from pyarrow import parquet
    except ImportError:
        sys.exit("The tables are read with pyarrow. Type: pip install pyarrow")
    table = parquet.read_table(file, columns=names)
    return {name: np.array(table[name].to_pylist()) for name in names}


def report(table: Table, predictor: Predictor, draws: int) -> None:
    """One line train-free, and one for each number of networks told."""
    inputs = Inputs(table.graphs, table.task)
    depth, multiply_adds, parameters = inputs.capacities.T
    del depth
    alone = [kendall_tau(table.accuracy, size) for size in (parameters, multiply_adds)]
    said = predictor.interval_of(inputs)
    words, counts = np.unique(said.extrapolation, return_counts=True)
    line(table.name, 0, [scores(table.accuracy, said)], None, alone, str(words[counts.argmax()]))
    for k in SHOTS:
        found, within = [], []
        for draw in range(draws):
            order = np.random.default_rng(draw).permutation(len(table.accuracy))
            told, others = order[:k], np.sort(order[k:])
            conditioned = predictor.condition_on(table.graphs.take(told), table.accuracy[told], table.task)
            found.append(scores(table.accuracy[others], conditioned.interval_of(inputs.take(others))))
            model = WithinSpace().learn(inputs.features[told], table.accuracy[told])
            within.append(kendall_tau(table.accuracy[others], model.latent(inputs.features[others])[0]))
        line("", k, found, float(np.mean(within)), None, "")


def scores(truth: Floats, said: Prediction) -> tuple[float, ...]:
    """τ, squared error, means, regret of the best of the top five, coverage and width."""
    return (
        kendall_tau(truth, said.value),
        mse(truth, said.value),
        float(said.value.mean()),
        float(truth.mean()),
        regret_at_k(truth, said.value, 5),
        coverage(truth, said.lower, said.upper),
        width(said.lower, said.upper),
    )


def line(
    name: str,
    k: int,
    found: list[tuple[float, ...]],
    within: float | None,
    alone: list[float] | None,
    extrapolation: str,
) -> None:
    """Prints means over draws."""
    tau, error, mean, true, regret, covers, wide = np.mean(found, axis=0).tolist()
    beside = ["" if within is None else f"{within:.3f}", *(f"{tau:.3f}" for tau in alone or ())]
    cells = [f"{tau:.3f}", *beside, *[""] * (3 - len(beside)), f"{error**0.5:.3f}", f"{mean:.3f}", f"{true:.3f}"]
    cells += [f"{regret:.4f}", f"{covers:.3f}", f"{wide:.3f}"]
    allowed = 1.5 * NORMAL * error**0.5
    print(f"{name:26} {k:4} {' '.join(f'{cell:>6}' for cell in cells)} {allowed:7.3f}  {extrapolation}", flush=True)


if __name__ == "__main__":
    main()
