"""What `ImageClassifier` finds is what a real search finds, and the database stays as it was."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import presage as package
from presage.database import Database
from presage.errors import InvalidArgument, NothingFeasible
from presage.estimator import ImageClassifier
from presage.training import Recipe


@pytest.mark.slow
def test_a_fit_is_a_search_that_leaves_the_database_as_it_was(
    shapes: tuple[np.ndarray, np.ndarray], experienced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presage.steps.difficulty.SEEDS", 1)
    x, y = shapes
    with Database.open(experienced) as database:
        before = database.content_hash(), database.experiment_records(), database.probes()
    parameters: dict[str, Any] = {
        "candidates": 20, "shortlist": 1, "predictor": "cost-only", "database": experienced,
        "recipe": Recipe(epochs=1, image_side=8), "final_recipe": Recipe(epochs=2, image_side=8), "tune": False,
    }  # fmt: skip
    run = tmp_path / "run"
    found = ImageClassifier(**parameters, run_folder=run).fit(x, y)
    assert found.score(x, y) > 0.5
    assert found.recipe_ == parameters["final_recipe"]
    assert found.search_result_.final.trainings[0].accuracy == found.model_.accuracy
    assert found.search_result_.best.chosen.hash == found.model_.architecture.hash
    assert (run / "report.html").is_file()
    np.testing.assert_array_equal(package.load(run / "best").predict_proba(x), found.predict_proba(x))
    with Database.open(experienced) as database:
        assert (database.content_hash(), database.experiment_records(), database.probes()) == before
        database.merge(run / "experience.duckdb")  # what was learned can be had
        assert len(database.experiment_records(dataset=found.search_result_.fingerprint)) == 2

    # and again, now that the database knows a network of these images: the same; the folder goes with the estimator
    again = ImageClassifier(**parameters).fit(x, y)
    np.testing.assert_array_equal(again.predict_proba(x), found.predict_proba(x))
    folder = again.search_result_.folder
    assert folder.is_dir()
    del again
    gc.collect()
    assert not folder.exists()

    # in the same folder a fit goes on, here with nothing left to do; another finds it taken
    seconds = found.search_result_.best.seconds
    assert clone(found).fit(x, y).search_result_.best.seconds == seconds
    with pytest.raises(InvalidArgument, match="run"):
        clone(found).fit(x[:90], y[:90])
    with pytest.raises(NothingFeasible, match="10 parameters"):
        ImageClassifier(**parameters, max_params=10).fit(x, y)
