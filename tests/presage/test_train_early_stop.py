"""`presage train --early-stop`: what cannot be the best of several is ended, and said to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import presage
from presage.architecture.spaces import get_space
from presage.architectures import NamedArchitecture
from presage.database import Database
from presage.search.run import early_stop
from presage.session import Session
from presage.surrogate.curves.extrapolator import CurveExtrapolator
from presage.surrogate.curves.learning_curves import LearningCurves, Setting
from presage.training import Recipe, load_dataset


@pytest.fixture
def sure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accuracies stay as they are after the first epoch; what is under .999 of the best is ended."""
    rng, recipe = np.random.default_rng(0), Recipe(epochs=4)
    tops = rng.uniform(0.05, 0.95, (12, 30))
    curves = [np.full(4, top) for group in tops for top in group]
    groups = [f"dataset {at}" for at in range(12) for _ in range(30)]
    settings = [Setting(recipe.to_json(), 10, 1000, 10_000, 3)] * len(curves)
    fitted = CurveExtrapolator().fit(LearningCurves.of(curves, [np.ones(4)] * len(curves), settings, groups))
    monkeypatch.setattr("presage.session.curve_extrapolator", lambda *_: fitted)
    monkeypatch.setattr(early_stop, "CHANCE", 0.5)


def test_what_cannot_be_the_best_is_ended(sure: None, shapes_npz: Path, tmp_path: Path) -> None:
    space, dataset = get_space("chain"), load_dataset(str(shapes_npz))
    codes = space.sample(4, np.random.default_rng(3))
    networks = [NamedArchitecture(f"network {at}", space.decode(space.params(code))) for at, code in enumerate(codes)]
    recipe = replace(Recipe(), epochs=4, train_images=60, image_side=8, least_epoch_images=60)
    session = Session(tmp_path / "x.duckdb", device="cpu")
    rows = presage.train(
        dataset, [network.architecture for network in networks], recipe=recipe, early_stop=True,
        database=tmp_path / "x.duckdb", device="cpu", progress=False,
    )  # fmt: skip
    assert rows[0].status == "finished"
    ended = [row for row in rows if row.stopped is not None]
    assert ended
    for row in ended:
        assert (row.status, row.accuracy, row.model) == ("pruned", None, None)
        assert row.stopped is not None
        assert row.failure == row.stopped.words
    assert rows.early_stopping is not None
    assert (rows.early_stopping.stopped, rows.early_stopping.trainings) == (len(ended), 4)
    assert rows.early_stopping.words in repr(rows)
    assert rows.early_stopping.words in rows._repr_html_()
    again = session.train(dataset, networks, recipe)
    assert again.early_stopping is None
    assert all(row.status == "finished" for row in again)
    assert [row.reused for row in again] == [row.stopped is None for row in rows]
    with Database.open(tmp_path / "x.duckdb") as database:
        assert {one.status for one in database.experiment_records(dataset=dataset.fingerprint)} == {"finished"}
