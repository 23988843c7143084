"""Of very many experiments predictors learn from a sample; of those that there are today, from all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from presage.database import Database, SampledDatabase, queries
from presage.database.learned import Learned
from presage.database.sampled import water_level
from presage.errors import InvalidArgument
from presage.records.testing import dataset_record, experiment_entry, probe_entry


def fill(path: Path, sizes: dict[str, int], first: int = 0) -> Database:
    database = Database.open(path, from_seed=False)
    for name, size in sizes.items():
        record = dataset_record(name)
        database.add_experiments([experiment_entry(first + i, dataset=record, seed=first + i) for i in range(size)])
        database.add_probe(probe_entry(dataset=record))
    return database


@pytest.mark.parametrize(
    ("counts", "most", "level"),
    [([1, 5, 10], 10, 4), ([1, 5, 10], 16, 10), ([3, 3], 5, 2), ([7], 3, 3), ([2, 2, 2], 1, 1), ([1, 1, 100], 50, 48)],
)
def test_the_water_level_is_the_largest_that_fits(counts: list[int], most: int, level: int) -> None:
    assert water_level(counts, most) == level


def test_small_experience_is_the_database_itself(tmp_path: Path) -> None:
    with fill(tmp_path / "a.duckdb", {"a": 30, "b": 5}) as database:
        same = SampledDatabase(database, most=35)
        assert same.chosen is None
        assert same.content_hash() == database.content_hash()
        found, every = same.experiments(arrays=True), database.experiments(arrays=True)
        assert np.array_equal(found.architecture, every.architecture)
        assert np.array_equal(found.accuracy, every.accuracy)
        assert same.architecture_records() == database.architecture_records()


def test_small_datasets_stay_whole_and_large_ones_give_equally_many(tmp_path: Path) -> None:
    with fill(tmp_path / "a.duckdb", {"large": 200, "larger": 300, "small": 10}) as database:
        sampled = SampledDatabase(database, most=100)
        found = sampled.experiments()
        names = {record.fingerprint: record.name for record in database.datasets()}
        count = Counter(names[found.datasets[at]] for at in found.dataset)
        assert count["small"] == 10
        assert 42 <= count["large"] <= 48  # 42 each, and five that are the newest
        assert 97 <= len(found) <= 100
        assert sampled.content_hash() != database.content_hash()
        assert {one.hash for one in sampled.architecture_records()} == set(found.architecture.tolist())
        assert sampled.spaces() == {one.hash: one.space for one in sampled.architecture_records() if one.space}


def test_the_sample_is_the_same_each_time_and_nearly_so_when_experiments_are_added(tmp_path: Path) -> None:
    with fill(tmp_path / "a.duckdb", {"a": 400, "b": 400}) as database:
        before = SampledDatabase(database, most=200).chosen
        assert before == SampledDatabase(database, most=200).chosen
    with fill(tmp_path / "a.duckdb", {"a": 20}, first=1000) as database:
        after = SampledDatabase(database, most=200).chosen
        assert before is not None
        assert after is not None
        assert len(set(before) & set(after)) >= 180


def test_the_newest_are_always_in_it(tmp_path: Path) -> None:
    with fill(tmp_path / "a.duckdb", {"a": 300}) as database:
        database.connection.run(
            "UPDATE experiments SET created_at = '2027-01-01T00:00:00+00:00' WHERE seed IN (3, 77, 250)"
        )
        chosen = SampledDatabase(database, most=60).chosen
        assert chosen is not None
        newest = {key for (key,) in database.connection.rows("SELECT id FROM experiments WHERE seed IN (3, 77, 250)")}
        assert newest <= set(chosen)
        without = SampledDatabase(database, Learned(297, tuple(newest)), most=60)
        assert without.chosen is not None
        assert not newest & set(without.chosen)
        assert len(SampledDatabase(database, Learned(297, tuple(newest))).experiments()) == 297


def test_experiments_without_a_probe_and_failed_ones_take_no_place(tmp_path: Path) -> None:
    with fill(tmp_path / "a.duckdb", {"a": 20}) as database:
        database.add_experiments([experiment_entry(i, dataset=dataset_record("unprobed")) for i in range(50)])
        assert SampledDatabase(database, most=20).chosen is None


def test_at_least_one_is_asked_for(tmp_path: Path) -> None:
    with fill(tmp_path / "a.duckdb", {"a": 2}) as database, pytest.raises(InvalidArgument, match="at least 1"):
        SampledDatabase(database, most=0)


def test_names_of_operations_are_sought_in_a_fair_sample_of_very_many_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 4,000 networks one in four has a convolution, and one alone a thing that no other has."""
    with Database.open(tmp_path / "many.duckdb", from_seed=False) as database:
        text = """'{"op":"input"},{"op": "' || if(i = 7, 'rare', if(i % 4 = 0, 'convolution', 'linear')) || '"}'"""
        database.connection.run(
            f"INSERT INTO architectures SELECT sha256('a' || i), {text}, NULL, NULL FROM range(4000) t(i)"
        )
        assert database.operations() == {"input", "convolution", "linear", "rare"}
        monkeypatch.setattr(queries, "MOST_SEARCHED", 100)
        assert {"input", "convolution", "linear"} <= database.operations() <= {"input", "convolution", "linear", "rare"}
        [(searched,)] = database.connection.rows(
            "SELECT count(*) FROM architectures WHERE hash < ?", [f"{(1 << 32) // 40:08x}"]
        )
        assert 70 < searched < 130
        names = database.connection.rows("SELECT hash FROM architectures ORDER BY hash LIMIT 2")
        assert database.spaces_of([digest for (digest,) in names]) == {}
