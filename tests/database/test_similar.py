"""The DCN query: what TAPAS recalls for a dataset of given difficulty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from presage.database import Database
from presage.errors import InvalidArgument, UnknownName
from presage.records.testing import dataset_record, experiment_entry, probe_entry, recipe_record

DCN = {"a": 0.30, "b": 0.50, "c": 0.55, "d": 0.56, "e": 0.90}
COUNT = {"a": 8, "b": 4, "c": 5, "d": 6, "e": 7}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with Database.open(tmp_path_factory.mktemp("similar") / "x.duckdb") as opened:
        number = 0
        for name, dcn in DCN.items():
            dataset = dataset_record(name)
            # Two seeds whose mean is the DCN.
            opened.add_probes([probe_entry(dataset, dcn=dcn - 0.01), probe_entry(dataset, dcn=dcn + 0.01, seed=1)])
            opened.add_experiments([experiment_entry(number + i, dataset=dataset) for i in range(COUNT[name])])
            opened.add_experiments([experiment_entry(900 + number, dataset=dataset, status="diverged")])
            number += 10
        opened.add_experiments([experiment_entry(700, dataset=dataset_record("unprobed"))])
        yield opened


def names(database: Database, fingerprints: tuple[str, ...]) -> set[str]:
    return {d.name for d in database.datasets() if d.fingerprint in fingerprints}


def test_all_finished_experiments_within_the_tolerance_and_no_others(database: Database) -> None:
    found = database.similar(0.5)
    assert names(database, found.experiments.datasets) == {"b", "c"}  # |0.55 - 0.50| is exactly the tolerance
    assert len(found.experiments) == COUNT["b"] + COUNT["c"]
    assert (found.tolerance, found.widened) == (0.05, False)
    assert found.note == "9 experiments on 2 datasets with |ΔDCN| ≤ 0.05."
    assert sorted(found.dcn) == pytest.approx([0.5, 0.55])
    assert set(found.experiments.status) == {"finished"}


def test_it_widens_to_the_nearest_datasets_that_suffice_and_says_so(database: Database) -> None:
    found = database.similar(0.5, least=12)
    assert names(database, found.experiments.datasets) == {"b", "c", "d"}
    assert found.widened
    assert found.tolerance == pytest.approx(0.06)
    assert found.note == (
        "15 experiments on 3 datasets with |ΔDCN| ≤ 0.06, widened from 0.05 where fewer than 12 were left."
    )


def test_it_says_when_even_everything_is_too_little(database: Database) -> None:
    found = database.similar(0.5, least=1000)
    assert len(found.experiments) == sum(COUNT.values())
    assert found.tolerance == pytest.approx(0.4)
    assert found.note.endswith("fewer than the 1000 wanted, and there are no more.")


def test_nothing_similar_at_all(tmp_path: Path) -> None:
    with Database.open(tmp_path / "x.duckdb") as empty:
        found = empty.similar(0.5, least=10)
        assert len(found.experiments) == 0
        assert (found.dcn, found.widened) == ((), False)


def test_excluded_datasets_take_no_part(database: Database) -> None:
    excluded = [dataset_record("b").fingerprint]
    found = database.similar(0.5, exclude=excluded)
    assert names(database, found.experiments.datasets) == {"c"}
    assert names(database, database.similar(0.5, least=6, exclude=excluded).experiments.datasets) == {"c", "d"}


def test_only_by_one_recipe(database: Database) -> None:
    assert len(database.similar(0.5, recipe=recipe_record().hash).experiments) == 9
    assert len(database.similar(0.5, recipe=recipe_record(99).hash, least=5).experiments) == 0


def test_rows_of_the_query_equal_a_scan_in_python(database: Database) -> None:
    found = database.similar(0.6, 0.11, ordered=True, arrays=True).experiments
    everything = database.experiments(arrays=True)
    near = {dataset_record(name).fingerprint for name in ("b", "c", "d")}
    expected = everything.take(np.array([everything.datasets[i] in near for i in everything.dataset]))
    assert [found.datasets[i] for i in found.dataset] == [everything.datasets[i] for i in expected.dataset]
    assert list(found.architecture) == list(expected.architecture)
    np.testing.assert_array_equal(found.accuracy, expected.accuracy)
    np.testing.assert_array_equal(np.stack(found.curve or []), np.stack(expected.curve or []))


def test_two_probe_versions_are_never_compared(tmp_path: Path) -> None:
    with Database.open(tmp_path / "x.duckdb") as database:
        a, b = dataset_record("a"), dataset_record("b")
        database.add_probes([probe_entry(a, version="1", dcn=0.5), probe_entry(b, version="2", dcn=0.5)])
        database.add_experiments([experiment_entry(1, dataset=a), experiment_entry(2, dataset=b)])
        with pytest.raises(InvalidArgument, match=r"`version` .* must be one of 1, 2"):
            database.similar(0.5)
        assert database.similar(0.5, version="2").experiments.datasets == (b.fingerprint,)
        assert database.difficulties("1") == {a.fingerprint: 0.5}
        with pytest.raises(UnknownName, match="No probe version is named `3`"):
            database.similar(0.5, version="3")


@pytest.mark.parametrize(("dcn", "tolerance"), [(1.5, 0.05), (float("nan"), 0.05), (0.5, -1.0), (0.5, float("nan"))])
def test_nonsense_is_refused(database: Database, dcn: float, tolerance: float) -> None:
    with pytest.raises(InvalidArgument):
        database.similar(dcn, tolerance)
