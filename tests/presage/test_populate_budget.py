"""`presage populate --budget`. Nothing here is timed: what is asked for fits an hour on any machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from presage.database import Database


def test_populate_trains_what_fits_a_budget(presage: Callable, shapes_npz: Path, tmp_path: Path) -> None:
    database = tmp_path / "new.duckdb"
    with Database.open(database, from_seed=False):
        pass
    words = (
        "populate", shapes_npz, "--count", 2, "--probes", 1, "--out", tmp_path / "shards", "--database", database,
        "--epochs", 1, "--train-images", 40, "--json",
    )  # fmt: skip
    outcome = presage(*words, "--budget", "1h")
    assert (outcome.json["added"], outcome.json["probes"]) == (2, 1)
    assert "2 experiments" in outcome.err
    assert "of 1h 0m" in outcome.err
    refused = presage(*words, "--budget", "1s")
    assert refused.code == 2
    assert "must be at least" in refused.err.splitlines()[-1]
