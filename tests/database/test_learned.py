"""What predictors are fitted to follows from the content alone, and moves on in steps."""

from __future__ import annotations

from pathlib import Path
from random import Random

import duckdb
import pytest

from presage.database import Database, SampledDatabase
from presage.database.learned import GROWTH, MOST_WAITING, SMALL, size_fitted
from presage.records.testing import dataset_record, experiment_entry, probe_entry

SEED = Path(__file__).resolve().parents[2] / "database" / "seed" / "experiments.parquet"
SHIPPED = int(duckdb.execute("SELECT count(*) FROM read_parquet(?)", [str(SEED)]).fetchall()[0][0])
STEP = min(SHIPPED // GROWTH, MOST_WAITING)
NEW = dataset_record("new")


def entries(count: int, first: int = 0, day: str = "2101-01-01", **changed: object) -> list:
    return [
        experiment_entry(i, dataset=NEW, created_at=f"{day}T00:{i // 60:02d}:{i % 60:02d}+00:00", **changed)
        for i in range(first, first + count)
    ]


def test_sizes_by_hand() -> None:
    first = 7818
    assert size_fitted(first, first) == size_fitted(first, first + 389) == first
    assert size_fitted(first, first + 390) == size_fitted(first, first + 789) == first + first // GROWTH
    assert size_fitted(first, first + 790) == first + 390 + MOST_WAITING
    assert [size_fitted(0, n) for n in (0, 1, 57, SMALL)] == [0, 1, 57, SMALL]
    assert size_fitted(0, SMALL + 9) == SMALL
    assert size_fitted(0, SMALL + 10) == SMALL + 10


@pytest.mark.parametrize("first", [0, 150, 500, SHIPPED, 30_000])
def test_the_size_never_falls_and_no_more_than_a_step_waits(first: int) -> None:
    sizes = [size_fitted(first, every) for every in range(first, first + 3_000)]
    assert sizes == sorted(sizes)
    for every, size in enumerate(sizes, first):
        assert size <= every
        assert every - size < max(1, min(size // GROWTH, MOST_WAITING))


def test_a_small_database_is_learned_from_whole(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.duckdb") as database:
        database.add_experiments(entries(60))
        database.add_probe(probe_entry(NEW))
        assert database.learned().late == ()
        assert database.learned().fitted == 60


def test_beside_what_is_shipped_the_newest_wait_and_the_fit_stays_the_same(tmp_path: Path) -> None:
    """Whenever they ended: also before anything that is shipped, by the clock or the table that they come from."""
    with Database.open(tmp_path / "a.duckdb", from_seed=True) as database:
        before, content = database.learned(), database.content_hash()
        assert (before.fitted, before.late) == (SHIPPED, ())
        assert SampledDatabase(database, before).content_hash() == content
        database.add_probe(probe_entry(NEW))
        old, new = entries(200, day="2020-01-01"), entries(STEP - 201, 200)
        database.add_experiments([*old, *new])
        now = database.learned()
        assert now.fitted == SHIPPED
        assert set(now.late) == {entry.record.identity for entry in (*old, *new)}
        assert now.late[0] == new[-1].record.identity
        learned_from = SampledDatabase(database, now)
        assert learned_from.content_hash() == content != database.content_hash()
        assert len(learned_from.experiments()) == SHIPPED
        assert len(database.experiments(among=now.late)) == STEP - 1

        database.add_experiments(entries(1, STEP - 1))
        grown = database.learned()
        assert (grown.fitted, grown.late) == (SHIPPED + STEP, ())
        grown_content = SampledDatabase(database, grown).content_hash()
        assert grown_content != content
        database.add_experiments(entries(1, STEP))
        after = database.learned()
        assert len(after.late) == 1
        assert SampledDatabase(database, after).content_hash() == grown_content
        assert database.learned(whole=True).late == ()
        assert database.learned(whole=True).fitted == SHIPPED + STEP + 1


def test_a_shipped_experiment_that_is_gone_asks_for_another_fit(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.duckdb", from_seed=True) as database:
        content = SampledDatabase(database, database.learned()).content_hash()
        database.connection.run("DELETE FROM experiments WHERE id = (SELECT min(id) FROM experiments)")
        found = database.learned()
        assert found.fitted == SHIPPED - 1
        assert SampledDatabase(database, found).content_hash() != content


def test_the_order_in_which_experiments_came_in_does_not_matter(tmp_path: Path) -> None:
    given = [*entries(300, day="2025-01-01"), *entries(99, 300)]
    found = []
    for name in ("a", "b"):
        Random(name).shuffle(given)
        with Database.open(tmp_path / f"{name}.duckdb") as database:
            database.add_experiments(given)
            database.add_probe(probe_entry(NEW))
            now = database.learned()
            found.append((now, SampledDatabase(database, now).content_hash()))
            assert 0 < len(now.late) < 399 // GROWTH
    assert found[0] == found[1]


def test_failed_experiments_and_those_on_datasets_without_a_probe_change_nothing(tmp_path: Path) -> None:
    with Database.open(tmp_path / "a.duckdb") as database:
        database.add_experiments(entries(50))
        database.add_probe(probe_entry(NEW))
        before = database.learned(), SampledDatabase(database, database.learned()).content_hash()
        database.add_experiments(entries(1, 60, status="diverged", depth_accuracies=[]))
        database.add_experiments([experiment_entry(70, dataset=dataset_record("unprobed"))])
        assert (database.learned(), SampledDatabase(database, database.learned()).content_hash()) == before
