"""`presage populate`: what it says, and with a budget. Nothing is timed: what is asked for fits an hour anywhere."""

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
    refused = presage(*words, "--epochs", 100_000, "--budget", "1s")
    assert refused.code == 2
    line = refused.err.splitlines()[-1]
    assert "The `--budget` of `presage populate` must be at least" in line
    assert "m for one experiment of each dataset here. Got '1s'." in line  # as it is typed: 20m


def test_populate_tells_in_words_what_it_added(presage: Callable, shapes_npz: Path, tmp_path: Path) -> None:
    database = tmp_path / "new.duckdb"
    with Database.open(database, from_seed=False):
        pass
    told = presage(
        "populate", shapes_npz, "--count", 1, "--probes", 2, "--out", tmp_path / "shards",
        "--database", database, "--epochs", 1, "--train-images", 40, "--quiet",
    ).out  # fmt: skip
    assert told.startswith("1 experiments and 2 probes added, 0 experiments were there, 0 ended early.")
    assert "Added 1 experiments, 2 probes," in told
