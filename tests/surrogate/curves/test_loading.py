from __future__ import annotations

from pathlib import Path

import numpy as np

from presage.database import Database
from presage.surrogate.curves.loading import load_trainings


def test_the_shipped_experience_is_read_whole(tmp_path: Path) -> None:
    with Database.open(tmp_path / "x.duckdb", from_seed=True) as database:
        trainings = load_trainings(database)
        columns = database.experiments()
        first = trainings.task[0].split("/")
        without = load_trainings(database, without=[(first[0], first[1])])
    assert len(trainings) > 0.95 * len(columns)
    assert len(set(trainings.group)) == len(columns.datasets)
    assert not np.isnan(trainings.final).any()
    np.testing.assert_array_equal(trainings.done, trainings.epochs)
    assert len(without) == len(trainings) - int((trainings.task == trainings.task[0]).sum())
