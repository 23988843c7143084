"""What the classes of records say of themselves holds of each other."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import fields

import pytest

from presage.errors import InvalidExperience
from presage.records import ArchitectureRecord, DatasetRecord, ExperimentRecord, RecipeRecord, Record, experiment_id
from presage.records.entries import ENTRIES
from presage.records.testing import (
    architecture_record,
    dataset_record,
    experiment_entry,
    prediction_entry,
    probe_entry,
    recipe_record,
)

ENTRIES_MADE = [experiment_entry(1), experiment_entry(2, status="pruned"), probe_entry(), prediction_entry(1)]
RECORDS: list[Record] = [
    dataset_record(),
    architecture_record(params={"depth": 2}),
    recipe_record(),
    *(entry.record for entry in ENTRIES_MADE),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.row)
def test_facts_of_a_record_name_its_fields_and_only_those(record: Record) -> None:
    names = [field.name for field in fields(record)]
    facts = [*record.identified_by, *record.results, *record.objects, *record.later]
    assert set(facts) <= set(names) == set(record.column_names())
    assert {kind.row for kind in record.references} <= set(names)
    assert not set(record.identified_by) & set(record.results)
    assert record.key in (*names, "id")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.row)
def test_a_record_comes_back_from_its_object_and_from_its_columns(record: Record) -> None:
    assert type(record).from_json(record.to_json()) == record
    columns = record.to_columns()
    assert columns.pop("id", record.identity) == record.identity
    assert type(record).from_columns(columns) == record


def test_the_identity_is_one_field_or_the_digest_of_several() -> None:
    assert dataset_record().identity == dataset_record().fingerprint
    one = experiment_entry(1, seed=3).experiment
    text = f"{one.dataset}/{one.architecture}/{one.recipe}/3"
    assert one.identity == hashlib.sha256(text.encode()).hexdigest()
    assert one.identity == experiment_id(one.dataset, one.architecture, one.recipe, 3)
    probe = probe_entry(seed=2).probe
    assert probe.identity == hashlib.sha256(f"{probe.dataset}/1/2".encode()).hexdigest()
    assert [DatasetRecord.key, ArchitectureRecord.key, RecipeRecord.key] == ["fingerprint", "hash", "hash"]
    assert ExperimentRecord.key == "id"


@pytest.mark.parametrize("entry", ENTRIES_MADE, ids=lambda entry: entry.of.row)
def test_an_entry_is_a_record_and_what_it_names(entry: object) -> None:
    kind = type(entry)
    assert ENTRIES[kind.of.row] is kind
    assert list(kind.parts()) == [field.name for field in fields(kind)]
    assert kind.parts() == {field.row: type(field) for field in (*entry.dimensions, entry.record)}
    wrong = {**{name: getattr(entry, name) for name in kind.parts()}, "dataset": dataset_record("another")}
    with pytest.raises(InvalidExperience, match="must be the fingerprint of the dataset beside it"):
        kind(**wrong)


def test_a_second_report_contradicts_by_its_results_alone() -> None:
    first = experiment_entry(1).experiment
    assert experiment_entry(1, seconds=9.0, device="another").experiment.contradicts(first) == []
    other = experiment_entry(1, accuracy=0.1, depth=9).experiment
    assert other.contradicts(first) == first.contradicts(other) == ["accuracy", "depth"]


def test_records_need_neither_torch_nor_duckdb() -> None:
    code = (
        "import sys; from presage import records; [getattr(records, name) for name in records.__all__];"
        "print([m for m in ('torch', 'numpy', 'duckdb', 'optuna', 'filelock') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
