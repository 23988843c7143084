"""Shards: what was written comes back, whatever a kill or a full disk does to the last line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from presage.errors import InvalidExperience
from presage.records import append_entry, entry_to_json, read_entries, shard_paths
from presage.records.testing import experiment_entry, prediction_entry, probe_entry


def seeds(path: Path) -> list[int]:
    return [entry.experiment.seed for entry in read_entries(path)]


def test_entries_come_back_in_order_as_lines_with_format_and_version(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.jsonl"
    entries = [experiment_entry(0), probe_entry(), prediction_entry(1)]
    for entry in entries:
        append_entry(path, entry)
    assert list(read_entries(path)) == entries
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [entry_to_json(entry) for entry in entries]
    assert [(line["format"], line["version"]) for line in lines] == [("presage-experience", 1)] * 3
    assert [list(line)[2:] for line in lines] == [
        ["kind", "dataset", "architecture", "recipe", "experiment"],
        ["kind", "dataset", "probe"],
        ["kind", "dataset", "architecture", "recipe", "prediction"],
    ]
    assert shard_paths(tmp_path / "new") == [path]


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_line_torn_anywhere_is_skipped_and_then_cut_off(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a.jsonl"
    for number in range(kept + 1):
        append_entry(path, experiment_entry(0, seed=number, failure="x" * 100_000 * (number == 1)))
    whole = path.read_bytes()
    last = whole[: whole.rstrip(b"\n").rfind(b"\n") + 1]
    for end in {len(last) + 1, (len(last) + len(whole)) // 2, len(whole) - 1}:
        path.write_bytes(whole[:end])
        assert seeds(path) == list(range(kept))
        append_entry(path, experiment_entry(0, seed=9))
        assert seeds(path) == [*range(kept), 9]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("{", ":2: The line is no JSON"),
        ("[" * 100_000, ":2: The line is no JSON"),
        ("[]", ":2: The `content` of `line` must be an object"),
        ('{"format": "presage-experience", "version": 2}', ":2: The `version` of `line` must be 1, .* Got 2"),
        ('{"format": "presage-experience", "version": 1, "kind": "probe"}', ":2: .* lacks the object `dataset`"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, rule: str) -> None:
    path = tmp_path / "a.jsonl"
    append_entry(path, probe_entry())
    with path.open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(InvalidExperience, match=rule):
        list(read_entries(path))


def test_numbers_that_json_does_not_know_are_not_written(tmp_path: Path) -> None:
    entry = probe_entry()
    object.__setattr__(entry.probe, "dcn", float("nan"))  # past its own check
    with pytest.raises(ValueError, match="JSON compliant"):
        append_entry(tmp_path / "a.jsonl", entry)


def test_lines_are_plain_json(tmp_path: Path) -> None:
    append_entry(tmp_path / "a.jsonl", experiment_entry(0, status="diverged", failure="naïve\n"))
    assert json.loads((tmp_path / "a.jsonl").read_text())["experiment"]["failure"] == "naïve\n"
