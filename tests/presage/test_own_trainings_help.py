"""What a table of one's own trainings is for: predictions for other networks of that dataset and recipe improve."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.serial import dumps
from presage.architecture.spaces.nb201 import NB201
from presage.session import Session
from presage.surrogate import Predictor
from presage.surrogate.metrics import kendall_tau
from presage.surrogate.predictors.conditioning import ConditionedPredictor

TABLE = Path(__file__).parents[3] / "shared" / "tables" / "nb201.parquet"
TOLD, OTHERS = 100, 500
CIFAR10 = SimpleNamespace(fingerprint="169d989e4044a363299ba993dab8304420140608622abbd760862b210ce6d386")


@pytest.fixture(scope="module")
def cells() -> tuple[list[str], np.ndarray, GraphBatch]:
    """Architecture JSON of cells of NAS-Bench-201, their accuracies on CIFAR-10 after 200 epochs, and graphs."""
    parquet = pytest.importorskip("pyarrow.parquet")
    if not TABLE.is_file():
        pytest.skip("needs shared/tables")
    columns = parquet.read_table(TABLE, columns=["arch_str", "c10_val_200ep"]).to_pydict()
    space, rows = NB201(cells=5, width=16), np.random.default_rng(3).permutation(15_625)[: TOLD + OTHERS]
    graphs = space.decode_batch(space.codes([space.from_string(columns["arch_str"][row]) for row in rows]))
    accuracy = np.array([columns["c10_val_200ep"][row] for row in rows])
    return [dumps(graphs.architecture(at).canonical) for at in range(TOLD)], accuracy, graphs


@pytest.mark.slow
def test_own_trainings_of_a_partly_known_recipe_improve_rank_and_level(cells: Any, tmp_path: Path) -> None:
    texts, accuracy, graphs = cells
    others = np.arange(TOLD, TOLD + OTHERS)
    truth, found = accuracy[others] / 100, {}
    session, path = Session(tmp_path / "x.duckdb", predictor="kernel-ridge"), tmp_path / "own.csv"
    for told, new in ((10, 10), (TOLD, TOLD - 10)):  # the second table is the first, and more
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["network", "dataset", "accuracy", "epochs", "image_side", "train_images", "optimizer"])
            writer.writerows([texts[at], "cifar10", accuracy[at], 200, 32, 25_000, "SGD"] for at in range(told))
        report = session.import_experience([path])
        assert (report.experiments, report.refused) == (new, ())
        recipe = session.stored_recipe(report.notes[-1].rsplit(" ", 1)[1])
        assert recipe is not None
        bound = session.bound_predictor(CIFAR10, recipe)  # type: ignore[arg-type] # probed: no images are needed
        assert isinstance(bound.predictor, ConditionedPredictor)
        train_free = cast(Predictor, bound.predictor.predictor)
        asked = graphs.take(others)
        for k, said in ((0, train_free.predict(asked, bound.task)), (told, bound.predict(asked))):
            found[k] = kendall_tau(truth, said.value), float(np.sqrt(np.mean((truth - said.value) ** 2)))
    assert found[TOLD][0] > found[10][0] > found[0][0]
    assert found[TOLD][0] > found[0][0] + 0.1
    assert found[TOLD][1] < found[10][1] < found[0][1]
