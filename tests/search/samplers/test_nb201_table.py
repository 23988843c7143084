"""Search on NAS-Bench-201's real table of trained accuracies (arXiv 2001.00326); nothing is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler

from presage.search.samplers import RandomSampler, RegularizedEvolutionSampler

optuna.logging.set_verbosity(optuna.logging.ERROR)
OPERATIONS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]


@pytest.fixture(scope="module")
def accuracies(shared: Path) -> dict[str, float]:
    """Cell string → validation accuracy on CIFAR-10 after 200 epochs, in percent."""
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ["arch_str", "c10_val_200ep"]
    table = parquet.read_table(shared / "tables" / "nb201.parquet", columns=columns).to_pydict()
    return dict(zip(table["arch_str"], table["c10_val_200ep"], strict=True))


def test_regularised_evolution_finds_better_cells_than_random(accuracies: dict[str, float]) -> None:
    def objective(trial: optuna.Trial) -> float:
        a, b, c, d, e, f = (trial.suggest_categorical(f"edge{edge}", OPERATIONS) for edge in range(6))
        return accuracies[f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"]

    def best(make: Callable[[int], BaseSampler]) -> float:
        found = []
        for seed in range(6):
            study = optuna.create_study(direction="maximize", sampler=make(seed))
            study.optimize(objective, n_trials=250)
            found.append(study.best_value)
        return float(np.mean(found))

    evolved = best(lambda seed: RegularizedEvolutionSampler(seed, population=30, tournament=8))
    drawn = best(RandomSampler)
    assert evolved > drawn + 0.1
    assert evolved > 91.2  # the best cell has 91.57
