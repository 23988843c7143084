"""Trainings on texts are records of their own, whose values are of a named metric and never an accuracy."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from presage.errors import InvalidExperience
from presage.records.cell import CellRecord
from presage.records.entries import TextExperimentEntry, entry_from_json, entry_to_json
from presage.records.shards import append_entry, read_entries
from presage.records.text import TextRecord
from presage.records.text_experiment import TextExperimentRecord
from presage.records.text_recipe import TextRecipeRecord


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def made(**changes: Any) -> TextExperimentEntry:
    text = TextRecord("a" * 64, "tale", 0, 40, 9000, 4.1, 3.2)
    cell = CellRecord(digest({"nodes": []}), {"nodes": []}, "rnn_enas", {"node1.activation": "tanh"})
    recipe = TextRecipeRecord(digest({"epochs": 2}), {"epochs": 2})
    given: dict[str, Any] = {
        "text": text.fingerprint, "cell": cell.hash, "text_recipe": recipe.hash, "seed": 0,
        "metric": "bits_per_character", "status": "finished", "value": 2.5, "test_value": 2.6, "curve": (3.0, 2.5),
        "train_losses": (2.1, 1.8), "parameters": 100, "hidden": 5, "embedding": 4, "multiply_adds": 45, "depth": 1,
        "seconds": 1.5, "device": "cpu", "versions": {"torch": "2"}, "failure": None,
        "created_at": "2026-11-29T17:00:00+00:00",
    }  # fmt: skip
    return TextExperimentEntry(text, cell, recipe, TextExperimentRecord(**{**given, **changes}))


def test_an_entry_is_a_line_of_a_shard(tmp_path: Path) -> None:
    entry = made()
    line = entry_to_json(entry)
    assert line["kind"] == "text_experiment"
    assert entry_from_json(json.loads(json.dumps(line))) == entry
    append_entry(tmp_path / "a.jsonl", entry)
    assert list(read_entries(tmp_path / "a.jsonl")) == [entry]
    assert "accuracy" not in json.dumps(line)


def test_a_value_may_be_over_one_and_a_perplexity_belongs_to_words() -> None:
    entry = made(value=81.2, test_value=83.0, curve=(120.0, 81.2))
    assert entry.record.value == 81.2
    with pytest.raises(InvalidExperience, match="bits_per_character for a text of characters"):
        made(metric="perplexity")
    words = replace(entry.text, words=1000)
    with pytest.raises(InvalidExperience, match="perplexity for a text of words"):
        TextExperimentEntry(words, entry.cell, entry.text_recipe, entry.text_experiment)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metric": "accuracy"}, "`metric`"),
        ({"value": None}, "`value`"),
        ({"value": -0.1}, "`value`"),
        ({"value": float("nan")}, "`value`"),
        ({"status": "diverged"}, "be null where the status is diverged"),
        ({"curve": (3.0,), "train_losses": (2.0,)}, "2 epochs"),
        ({"train_losses": (1.0,)}, "as long as the curve"),
        ({"text": "b" * 64}, "`text`"),
        ({"seed": -1}, "`seed`"),
        ({"created_at": "yesterday"}, "`created_at`"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidExperience, match=said):
        made(**changes)
