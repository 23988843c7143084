"""Damage that gets past DuckDB, each kind made on purpose, is found and named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from presage.database import Database, check_file
from presage.errors import InvalidArgument
from presage.records import experiment_id
from presage.records.testing import dataset_record, experiment_entry, prediction_entry, probe_entry

ONE = experiment_entry(1).experiment


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "x.duckdb"
    with Database.open(path) as database:
        database.add_experiments([experiment_entry(i, dataset=dataset_record(f"d{i % 2}")) for i in range(4)])
        database.add_experiments([experiment_entry(1)])
        database.add_probe(probe_entry())
        database.add_predictions([prediction_entry(1)])
        assert database.check() == []
    return path.read_bytes()


DAMAGE = [
    ("UPDATE experiments SET accuracy = 1.5 WHERE id = '{id}'", "`accuracy` of `experiment` must lie in [0, 1]"),
    ("UPDATE experiments SET accuracy = 'nan'::DOUBLE WHERE id = '{id}'", "must lie in [0, 1]. Got nan"),
    ("UPDATE experiments SET accuracy = NULL WHERE id = '{id}'", "must be a number. Got None"),
    ("UPDATE experiments SET curve = [0.1, 2.0, 0.1, 0.1] WHERE id = '{id}'", "`curve[1]`"),
    ("UPDATE experiments SET curve = [0.1, 0.2, NULL, 0.1] WHERE id = '{id}'", "`curve[2]`"),
    ("UPDATE experiments SET curve = [0.1] WHERE id = '{id}'", "be as long as the curve (1). Got 4"),
    (
        "UPDATE experiments SET curve = [0.1], train_losses = [1.0] WHERE id = '{id}'",
        "one value for each of the recipe's 4 epochs",
    ),
    ("UPDATE experiments SET status = 'splendid' WHERE id = '{id}'", "`status` of `experiment` must be one of"),
    ("UPDATE experiments SET seed = 5 WHERE id = '{id}'", "`id` of `experiment` must be the SHA-256 of its identity"),
    ("UPDATE experiments SET versions = '[1]' WHERE id = '{id}'", "`versions`"),
    ("UPDATE experiments SET versions = '{{broken' WHERE id = '{id}'", "`versions` of `experiment` must be JSON"),
    ("DELETE FROM datasets WHERE fingerprint = '{dataset}'", "is not in the table `datasets`"),
    ("DELETE FROM architectures WHERE hash = '{architecture}'", "is not in the table `architectures`"),
    ("DELETE FROM recipes", "is not in the table `recipes`"),
    ("UPDATE architectures SET json = '{{}}' WHERE hash = '{architecture}'", "must be the SHA-256 of its `json`"),
    ("UPDATE recipes SET json = replace(json, '4', '5')", "must be the SHA-256 of its `json`"),
    ("UPDATE probes SET dcn = -1", "`dcn` of `probe` must lie in [0, 1]. Got -1.0"),
    ("UPDATE predictions SET lower = 2", "`lower` of `prediction` must be at most `upper`"),
    ("DROP TABLE predictions", "predictions: The table is missing."),
    ("ALTER TABLE probes DROP COLUMN device", "probes: The column `device` is missing."),
    ("ALTER TABLE probes ALTER dcn TYPE VARCHAR", "The column `dcn` must be DOUBLE NOT NULL. It is VARCHAR NOT NULL."),
    (
        "CREATE TABLE copy AS FROM experiments UNION ALL FROM experiments; DROP TABLE experiments; "
        "ALTER TABLE copy RENAME TO experiments",
        "experiments: The primary key must be id. It is None.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "name"), DAMAGE)
def test_damage_is_found_and_named(sound: bytes, tmp_path: Path, sql: str, name: str) -> None:
    path = tmp_path / "x.duckdb"
    path.write_bytes(sound)
    identity = experiment_id(ONE.dataset, ONE.architecture, ONE.recipe, ONE.seed)
    with duckdb.connect(str(path)) as raw:
        raw.execute(sql.format(id=identity, dataset=ONE.dataset, architecture=ONE.architecture))
    found = [str(damage) for damage in check_file(path)]
    assert any(name in damage for damage in found), found
    assert all("\n" not in damage for damage in found)
    if "{id}" in sql:
        assert any(damage.startswith(f"experiments {identity[:12]}…: ") for damage in found)


def test_doubled_rows_are_named_even_where_the_key_has_gone(sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    path.write_bytes(sound)
    with duckdb.connect(str(path)) as raw:
        raw.execute("CREATE TABLE copy AS FROM experiments UNION ALL FROM experiments; DROP TABLE experiments")
        raw.execute("ALTER TABLE copy RENAME TO experiments")
    assert [d for d in check_file(path) if "5 rows" in d.what or "2 times" in d.what or "primary key" in d.what]


def test_checking_changes_nothing(sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    path.write_bytes(sound)
    assert check_file(path) == []
    assert path.read_bytes() == sound
    with pytest.raises(InvalidArgument, match="must be an existing file"):
        check_file(tmp_path / "missing.duckdb")


def test_info_counts_by_dataset_space_recipe_and_status(sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    path.write_bytes(sound)
    with Database.open(path) as database:
        database.add_experiments([experiment_entry(7, status="diverged")])
        info = database.info()
    assert info.rows == {
        "datasets": 3, "architectures": 5, "recipes": 1, "experiments": 6, "probes": 1, "predictions": 1,
        "cells": 0, "text_experiments": 0, "text_recipes": 0, "texts": 0,
    }  # fmt: skip
    by_name = {d.name: d for d in info.datasets}
    assert (by_name["d0"].finished, by_name["d0"].failed, by_name["d0"].dcn) == (2, 0, {})
    assert by_name["d0"].mean_accuracy == pytest.approx((0.5 + 0.502) / 2)
    assert (by_name["digits"].finished, by_name["digits"].failed, by_name["digits"].dcn) == (1, 1, {"1": 0.7})
    assert info.spaces == {"chain": 6}
    assert info.statuses == {"diverged": 1, "finished": 5}
    assert sum(info.recipes.values()) == 6
    assert info.bytes > 0
    assert "digits" in info.text()
    long = replace(info, spaces={"enas_macro:layers=12": 6}, recipes={"0123456789abcdef0123": 6}).text()
    assert "by space: enas_macro:layers=12 6" in long
    assert "by recipe:\n  0123456789ab      6" in long
    ((recipe, count),) = info.recipes.items()
    assert f"  {recipe[:12]} {count:6,}  16 px, 12 epochs" in info.text({recipe: "16 px, 12 epochs"})
    assert info.to_json()["datasets"][0]["name"] == "d0"
