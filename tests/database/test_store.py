"""The database through its one door: what goes in comes out, twice is once, contradictions are named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from presage.database import Database
from presage.errors import InvalidDatabase, InvalidExperience, UnknownName
from presage.records.testing import (
    architecture_record,
    dataset_record,
    experiment_entry,
    prediction_entry,
    probe_entry,
    recipe_record,
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "x.duckdb") as opened:
        yield opened


def test_what_was_stored_is_read_back_exactly_also_by_a_later_process(tmp_path: Path) -> None:
    entry = experiment_entry(
        7,
        accuracy=0.1 + 0.2,
        curve=[1 / 3, 2 / 3, 0.1, 0.1 + 0.2],
        train_losses=[2.302585092994046, 5e-324, 1.7976931348623157e308, -0.0],
        parameters=2**62,
        failure="two\nlines 'quoted' \\ ü",
    )
    with Database.open(tmp_path / "x.duckdb") as database:
        assert database.add_experiments([entry]).added == 1
        database.add_probe(probe_entry())
        database.add_predictions([prediction_entry(7)])
    with Database.open(tmp_path / "x.duckdb") as database:
        assert database.experiment_records() == [entry.experiment]
        assert database.datasets() == [entry.dataset]
        assert database.recipes() == [entry.recipe]
        assert database.architecture_records() == [entry.architecture]
        assert database.architectures() == {entry.architecture.hash: entry.architecture.text}
        assert database.probes() == [probe_entry().probe]
        assert database.predictions() == [prediction_entry(7).prediction]


def test_the_same_experiment_again_is_passed_over(database: Database) -> None:
    entries = [experiment_entry(i) for i in range(5)]
    assert database.add_experiments(entries).experiments == 5
    again = database.add_experiments([*entries, experiment_entry(9), experiment_entry(9)])
    assert (again.experiments, again.already) == (1, 6)
    assert len(database.experiments()) == 6


def test_a_rerun_that_took_another_time_on_other_hardware_is_the_same_experiment(database: Database) -> None:
    database.add_experiments([experiment_entry(1)])
    report = database.add_experiments([experiment_entry(1, seconds=9.0, device="H100", versions={"torch": "3"})])
    assert report.already == 1
    assert database.experiment_records()[0].device == "cpu"


@pytest.mark.parametrize("within_one_batch", [False, True])
def test_another_result_is_refused_by_name_and_nothing_is_stored(database: Database, within_one_batch: bool) -> None:
    first, second = experiment_entry(1, accuracy=0.5), experiment_entry(1, accuracy=0.6)
    if not within_one_batch:
        database.add_experiments([first])
    with pytest.raises(InvalidExperience, match=r"row \d: This experiment .* accuracy 0.5 is stored, 0.6 was given"):
        database.add_experiments([experiment_entry(2), *([first] if within_one_batch else []), second])
    assert len(database.experiments()) == (0 if within_one_batch else 1)


def test_another_seed_or_recipe_is_another_experiment(database: Database) -> None:
    entries = [experiment_entry(1), experiment_entry(1, seed=1), experiment_entry(1, recipe=recipe_record(epochs=3))]
    assert database.add_experiments(entries).experiments == 3
    one = entries[0].experiment
    assert database.has_experiment(one.dataset, one.architecture, one.recipe, 1)
    assert not database.has_experiment(one.dataset, one.architecture, one.recipe, 2)


def test_a_finished_training_replaces_a_failed_one_and_never_the_reverse(database: Database) -> None:
    failed, finished = experiment_entry(1, status="out_of_memory"), experiment_entry(1)
    assert database.add_experiments([failed]).added == 1
    assert len(database.experiments()) == 0
    assert len(database.experiments(status=None)) == 1
    assert database.add_experiments([finished]).added == 1
    assert database.add_experiments([failed]).already == 1
    assert [e.status for e in database.experiment_records()] == ["finished"]


def test_a_fingerprint_with_other_facts_is_refused_and_another_name_is_not(database: Database) -> None:
    database.add_experiments([experiment_entry(1)])
    true = dataset_record()
    renamed = dataset_record("other", fingerprint=true.fingerprint)
    assert database.add_experiments([experiment_entry(2, dataset=renamed)]).added == 1
    assert [d.name for d in database.datasets()] == ["digits"]
    false = dataset_record("mnist", fingerprint=true.fingerprint, height=28)
    with pytest.raises(InvalidExperience, match="is of the dataset 'digits' with height 8; it cannot have 28"):
        database.add_experiments([experiment_entry(3, dataset=false)])


def test_columns_line_up_with_records(database: Database) -> None:
    datasets = [dataset_record(name) for name in ("a", "b", "c")]
    database.add_experiments([experiment_entry(i, dataset=datasets[i % 3], seed=i) for i in range(30)])
    database.add_experiments([experiment_entry(50, dataset=datasets[0], status="diverged")])
    columns = database.experiments(arrays=True, status=None)
    by_identity = {(e.dataset, e.architecture, e.recipe, e.seed): e for e in database.experiment_records()}
    assert len(columns) == len(by_identity) == 31
    assert columns.curve is not None
    assert columns.depth_accuracies is not None
    assert columns.train_losses is not None
    for i in range(31):
        key = (columns.datasets[columns.dataset[i]], columns.architecture[i], columns.recipes[columns.recipe[i]])
        record = by_identity[(*key, int(columns.seed[i]))]
        expected = np.nan if record.accuracy is None else record.accuracy
        np.testing.assert_equal(columns.accuracy[i], expected)
        assert columns.parameters[i] == record.parameters
        assert columns.status[i] == record.status
        assert tuple(columns.curve[i]) == record.curve
        assert tuple(columns.train_losses[i]) == record.train_losses
        assert tuple(columns.depth_accuracies[i]) == record.depth_accuracies
    few = columns.take(columns.accuracy > 0.52)
    assert len(few) == 9
    assert len(few.curve or []) == 9


def test_columns_can_be_narrowed(database: Database) -> None:
    datasets = [dataset_record(name) for name in ("a", "b")]
    database.add_experiments([experiment_entry(i, dataset=datasets[i % 2]) for i in range(10)])
    database.add_experiments([experiment_entry(20, recipe=recipe_record(3), dataset=datasets[0])])
    database.add_experiments(
        [experiment_entry(30, architecture=architecture_record(30, space="nb201"), dataset=datasets[0])]
    )
    assert len(database.experiments(datasets=[datasets[0].fingerprint])) == 7
    assert len(database.experiments(recipe=recipe_record(3).hash)) == 1
    assert len(database.experiments(space="nb201")) == 1
    assert len(database.experiments(datasets=[])) == 0


def test_order_of_columns_and_content_hash_depend_on_content_alone(tmp_path: Path) -> None:
    entries = [experiment_entry(i, dataset=dataset_record(f"d{i % 3}")) for i in range(40)]
    with Database.open(tmp_path / "a.duckdb") as a, Database.open(tmp_path / "b.duckdb") as b:
        a.add_experiments(entries)
        b.add_experiments(entries[20:])
        before = b.content_hash()
        b.add_experiments(entries[:20][::-1])
        assert a.content_hash() == b.content_hash() != before
        assert list(a.experiments().architecture) == list(b.experiments().architecture)
        without_probe = a.content_hash()
        a.add_probe(probe_entry(dataset_record("never-trained-on")))
        assert a.content_hash() == without_probe  # nothing is learned from it
        a.add_probe(probe_entry(dataset_record("d0")))
        assert a.content_hash() != without_probe


def test_a_dataset_is_found_by_fingerprint_or_by_name(database: Database) -> None:
    database.add_probe(probe_entry(dataset_record("digits")))
    database.add_probe(probe_entry(dataset_record("mnist")))
    assert database.dataset("mnist") == dataset_record("mnist")
    assert database.dataset(dataset_record("mnist").fingerprint).name == "mnist"
    with pytest.raises(UnknownName, match="Did you mean `digits`"):
        database.dataset("digit")


def test_an_architecture_that_is_not_there_is_said(database: Database) -> None:
    with pytest.raises(InvalidDatabase, match="holds no architecture"):
        database.architectures(["0" * 64])
