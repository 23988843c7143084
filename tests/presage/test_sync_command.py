"""`presage database sync`: two users with a shared folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from presage.database import Database
from presage.records.testing import experiment_entry


def test_what_is_not_vetted_is_named_and_the_place_keeps_it(presage: Callable, tmp_path: Path) -> None:
    mine, theirs, place = tmp_path / "mine.duckdb", tmp_path / "theirs.duckdb", tmp_path / "shared"
    for path in (mine, theirs):
        with Database.open(path, from_seed=False) as database:
            if path == theirs:  # its network is none: only the roof can tell
                database.add_experiments([experiment_entry(1)])
    given = presage("database", "sync", place, "--database", theirs, "--json")
    assert given.code == 0
    assert given.json["pushed"] == {"experiments": 1, "parts": 1}
    for _ in range(2):
        taken = presage("database", "sync", place, "--database", mine)
        assert taken.code == 1
        assert "1 parts read. Added 0 experiments" in taken.out
        assert "Left there 0 experiments, 0 probes, 0 predictions, in 0 parts." in taken.out
        assert "experiments-" in taken.out.splitlines()[-1]
    assert len([*place.iterdir()]) == 1


def test_a_wrong_place_is_one_line(presage: Callable, tmp_path: Path) -> None:
    outcome = presage("database", "sync", "ftp://host/x", "--database", tmp_path / "x.duckdb")
    assert outcome.code == 2
    assert "The `PLACE` of `presage database sync` must be a folder, or s3://" in outcome.err.splitlines()[-1]
