"""From one dataset's table to the best of another's: NAS-Bench-201, CIFAR-10 known, ranked on ImageNet16-120.

    python benchmarks/transfer.py [--tables ../shared/tables] [--rows 1500] [--seeds 3] [--predictor kernel-ridge]

Among all cells a ranking is easy, and CIFAR-10's own accuracies are one. What a search wants is the order among the
best: Kendall τ within the tenth that is best on ImageNet16-120 after 200 epochs (validation). Known are validation
accuracies of all cells on CIFAR-10, and nothing of ImageNet16-120 but what its task tells; its images are not at hand,
so that its probe is `tiny_imagenet`'s. Beside it: parameters, the same networks trained again (the mean of cells that
compute the same function), and what `WithinSpace` and a predictor make of some of CIFAR-10's rows.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")  # before NumPy is loaded

import numpy as np
from nasbench201 import encoded, other_trainings
from numpy.typing import NDArray
from tables import by_authors, learned_from, nb201_graphs, read, usual_tasks

from presage.architecture.batch.graph_batch import GraphBatch
from presage.surrogate import Experience, Task, WithinSpace, get_predictor
from presage.surrogate.data.encoding import Inputs
from presage.surrogate.metrics import kendall_tau

KNOWN, ASKED = "c10_val_200ep", "in16_val_200ep"
BEST = 0.1
"""Share of the cells that is ranked."""

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--tables", type=Path, default=Path("../shared/tables"), help="folder of the table")
parser.add_argument("--experience", type=Path, default=Path("../shared/experience"), help="further experience, Parquet")
parser.add_argument("--rows", type=int, default=1500, help="of CIFAR-10's table that are learned from")
parser.add_argument("--seeds", type=int, default=3, help="draws of these rows")
parser.add_argument("--predictor", default="kernel-ridge")


def main() -> None:
    arguments = parser.parse_args()
    columns = read(arguments.tables / "nb201.parquet", ["arch_str", "unique_graph", "params_M_c10", KNOWN, ASKED])
    truth = columns[ASKED]
    best = np.flatnonzero(truth >= np.quantile(truth, 1 - BEST))
    print(f"{len(best)} of {len(truth)} cells; Kendall τ among them and among all")

    def line(name: str, score: NDArray[np.floating], rows: NDArray[np.int64]) -> None:
        print(f"{name:44} {kendall_tau(truth[rows], score[rows]):.3f} {kendall_tau(truth, score):.3f}", flush=True)

    line("parameters", columns["params_M_c10"], best)
    line("CIFAR-10's own accuracies", columns[KNOWN], best)
    again = other_trainings(columns["unique_graph"], truth)
    twins = best[np.isfinite(again[best])]
    print(f"{'the same networks trained again (' + str(len(twins)) + ')':44} "
          f"{kendall_tau(truth[twins], again[twins]):.3f}")  # fmt: skip

    experience = learned_from(arguments.experience)
    graphs = nb201_graphs(columns["arch_str"][best])
    x = encoded(WithinSpace(), columns["arch_str"])
    usual = usual_tasks(experience)
    cifar = by_authors(usual["cifar10"], image_side=32, train_images=25_000)
    asked = by_authors(usual["tiny_imagenet"], train_images=151_700, classes=120)
    within, whole = [], []
    for seed in range(arguments.seeds):
        rows = np.sort(np.random.default_rng(seed).permutation(len(truth))[: arguments.rows])
        model = WithinSpace().learn(x[rows], columns[KNOWN][rows])
        within.append(kendall_tau(truth[best], model.latent(x[best])[0]))
        predictor = get_predictor(arguments.predictor)
        predictor._learn(with_table(experience, columns, rows, cifar))  # no intervals are asked for
        whole.append(kendall_tau(truth[best], predictor._estimate(Inputs(graphs, asked)).value))
    print(f"{f'WithinSpace, {arguments.rows} rows of CIFAR-10':44} {np.mean(within):.3f} ± {np.std(within):.3f}")
    print(f"{f'{arguments.predictor}, the experience and these':44} {np.mean(whole):.3f} ± {np.std(whole):.3f}")


def with_table(
    experience: Experience, columns: dict[str, NDArray[Any]], rows: NDArray[np.int64], task: Task
) -> Experience:
    """The experience with some rows of CIFAR-10's table."""
    texts = columns["arch_str"][rows].astype(str)
    return Experience(
        graphs=GraphBatch.concatenate([experience.graphs, nb201_graphs(texts)]),
        hashes=np.concatenate([experience.hashes, texts]),
        task_index=np.concatenate([experience.task_index, np.full(len(rows), len(experience.tasks))]),
        tasks=(*experience.tasks, task),
        accuracy=np.concatenate([experience.accuracy, columns[KNOWN][rows] / 100]),
        seeds=np.concatenate([experience.seeds, np.zeros(len(rows), np.int64)]),
        spaces=np.concatenate([experience.spaces, np.full(len(rows), "nb201")]),
        early=np.concatenate([experience.early, np.full(len(rows), np.nan)]),
    )


if __name__ == "__main__":
    main()
