"""A copy of a database holds all but what was found on one dataset, and is a database of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from presage.database import Database
from presage.errors import StorageFull
from presage.records.testing import dataset_record, experiment_entry, prediction_entry, probe_entry

OWN, OTHER = dataset_record("own"), dataset_record("other")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    found = Database.open(tmp_path / 'it\'s "the" first.duckdb')
    found.add_experiments([experiment_entry(number, dataset=(OWN, OTHER)[number % 2]) for number in range(10)])
    found.add_probes([probe_entry(OWN), probe_entry(OTHER)])
    found.add_predictions([prediction_entry(number, dataset=(OWN, OTHER)[number % 2]) for number in range(4)])
    return found


def test_a_copy_holds_all_but_what_was_found_on_one_dataset(database: Database, tmp_path: Path) -> None:
    with database:
        database.copy(tmp_path / "copy.duckdb", without=OWN.fingerprint)
        database.copy(tmp_path / "whole.duckdb", without="of no dataset")
        for path, kept in ((tmp_path / "copy.duckdb", [OTHER]), (tmp_path / "whole.duckdb", [OWN, OTHER])):
            fingerprints = {record.fingerprint for record in kept}
            with Database.open(path) as copy:
                for read in ("experiment_records", "predictions"):
                    expected = [one for one in getattr(database, read)() if one.dataset in fingerprints]
                    assert getattr(copy, read)() == expected != []
                for read in ("datasets", "probes", "recipes", "architectures"):
                    assert getattr(copy, read)() == getattr(database, read)()
                assert copy.check() == []
        assert len(database.experiment_records()) == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "copy.duckdb",
        'it\'s "the" first.duckdb',
        "whole.duckdb",
    ]


def test_what_a_copy_learns_stays_there(database: Database, tmp_path: Path) -> None:
    with database:
        before = database.content_hash()
        database.copy(tmp_path / "copy.duckdb", without=OWN.fingerprint)
        with Database.open(tmp_path / "copy.duckdb") as copy:
            assert copy.add_experiments([experiment_entry(0, dataset=OWN)]).experiments == 1
        assert database.content_hash() == before


def test_a_copy_that_fails_leaves_what_was_there(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "copy.duckdb"
    with database:
        database.copy(target, without=OWN.fingerprint)
        content = target.read_bytes()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("presage.files.os.fsync", full)
        with pytest.raises(StorageFull):
            database.copy(target, without="of no dataset")
        assert target.read_bytes() == content
        assert len(database.experiment_records()) == 10
    assert len(list(tmp_path.iterdir())) == 2
