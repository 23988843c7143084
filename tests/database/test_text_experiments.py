"""Trainings on texts enter tables of their own, are exchanged as all else is, and leave experiments on images alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from presage.architecture.recurrent.published import published
from presage.database import Database
from presage.errors import InvalidExperience
from presage.records.entries import TextExperimentEntry
from presage.records.shards import append_entry
from presage.training.text.fitting import train_text
from presage.training.text.recipe import TextRecipe
from presage.training.text.recording import text_entry, text_record
from presage.training.text.text_data import text_data
from presage.vetting import check_architecture, check_entry


@pytest.fixture(scope="module")
def entry() -> TextExperimentEntry:
    data = text_data("It rains, it pours; the old man snores.\n" * 60, "rain")
    recipe = TextRecipe(epochs=2, batch=4, sequence_length=16, parameters=3000, embedding=8)
    cell = published("gru")
    return text_entry(text_record(data), cell, recipe, 0, train_text(data, cell, recipe))


def test_it_is_stored_once_and_read_back(tmp_path: Path, entry: TextExperimentEntry) -> None:
    with Database.open(tmp_path / "a.duckdb") as database:
        assert database.add_text_experiments([entry]).text_experiments == 1
        again = database.add_text_experiments([entry])
        assert (again.text_experiments, again.already, again.added) == (0, 1, 0)
        assert database.text_experiments() == [entry.record]
        assert database.text_experiments(cell="0" * 64) == []
        assert (database.texts(), database.cells()) == ([entry.text], [entry.cell])
        assert database.experiment_records() == []
        assert (database.datasets(), database.recipes(), database.architecture_records()) == ([], [], [])
        assert database.info().rows["text_experiments"] == 1
        assert database.check() == []


def test_another_result_of_the_same_is_refused(tmp_path: Path, entry: TextExperimentEntry) -> None:
    other = replace(entry, text_experiment=replace(entry.record, test_value=9.0))
    with Database.open(tmp_path / "a.duckdb") as database:
        database.add_text_experiments([entry])
        with pytest.raises(InvalidExperience, match="test_value"):
            database.add_text_experiments([other])
        with pytest.raises(InvalidExperience, match="of the text 'rain'"):
            database.add_text_experiments([replace(entry, text=replace(entry.text, length=3))])


def test_it_travels_by_shard_parquet_and_merging(tmp_path: Path, entry: TextExperimentEntry) -> None:
    append_entry(tmp_path / "a.jsonl", entry)
    with Database.open(tmp_path / "a.duckdb") as first:
        report = first.import_shards([tmp_path / "a.jsonl"], check_architecture, check_entry)
        assert (report.text_experiments, report.refused) == (1, ())
        assert "1 experiments on texts" in report.text()
        first.export_parquet(tmp_path / "out")
    with Database.open(tmp_path / "b.duckdb") as second:
        assert second.import_parquet(tmp_path / "out", check_architecture, check_entry).text_experiments == 1
        assert second.text_experiments() == [entry.record]
    with Database.open(tmp_path / "c.duckdb") as third:
        assert third.merge(tmp_path / "b.duckdb", check_architecture, check_entry).text_experiments == 1


@pytest.mark.parametrize("field", ["parameters", "multiply_adds", "depth", "value"])
def test_false_claims_of_a_shard_are_refused(tmp_path: Path, entry: TextExperimentEntry, field: str) -> None:
    wrong = replace(entry.record, **{field: getattr(entry.record, field) + 1})
    append_entry(tmp_path / "a.jsonl", replace(entry, text_experiment=wrong))
    with Database.open(tmp_path / "a.duckdb") as database:
        report = database.import_shards([tmp_path / "a.jsonl"], check_architecture, check_entry)
    assert report.added == 0
    assert f"`{field}` of `text_experiment`" in report.refused[0].why
