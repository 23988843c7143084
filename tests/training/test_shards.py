from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from presage.errors import InvalidArgument, InvalidExperience, StorageFull
from presage.training.shards import append_line, exclusive, read_lines, shard_paths


def test_lines_come_back_in_order_with_format_and_version(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.jsonl"
    for number in range(3):
        append_line(path, "experiment", {"experiment": {"seed": number}})
    found = list(read_lines(path))
    assert [line["experiment"]["seed"] for line in found] == [0, 1, 2]
    assert found[0] == {"format": "presage-experience", "version": 1, "kind": "experiment", "experiment": {"seed": 0}}
    assert shard_paths(tmp_path / "new") == [path]


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_line_torn_anywhere_is_skipped_and_then_cut_off(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a.jsonl"
    for number in range(kept + 1):
        append_line(path, "experiment", {"experiment": {"seed": number, "text": "x" * 100_000 * (number == 1)}})
    whole = path.read_bytes()
    last = whole[: whole.rstrip(b"\n").rfind(b"\n") + 1]
    for end in {len(last) + 1, (len(last) + len(whole)) // 2, len(whole) - 1}:
        path.write_bytes(whole[:end])
        assert [line["experiment"]["seed"] for line in read_lines(path)] == list(range(kept))
        append_line(path, "experiment", {"experiment": {"seed": 9}})
        assert [line["experiment"]["seed"] for line in read_lines(path)] == [*range(kept), 9]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("{", "line 2: must be one JSON object"),
        ("[]", "line 2: must have"),
        ('{"format": "presage-experience", "version": 2}', "version 1. Got 2"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, rule: str) -> None:
    path = tmp_path / "a.jsonl"
    append_line(path, "probe", {})
    with path.open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(InvalidExperience, match=rule):
        list(read_lines(path))


def test_numbers_that_json_does_not_know_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        append_line(tmp_path / "a.jsonl", "experiment", {"experiment": {"accuracy": float("nan")}})


def test_a_full_disk_leaves_the_lines_written_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    append_line(path, "probe", {"probe": 1})
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match="keeps all lines"):
        append_line(path, "probe", {"probe": 2})
    assert path.read_bytes() == before


def test_a_folder_is_held_by_one_process_and_let_go_when_it_dies(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time; from presage.training.shards import exclusive\n"
        "with exclusive(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(InvalidArgument, match="no other running campaign"), exclusive(tmp_path):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with exclusive(tmp_path):
        pass


def test_lines_are_plain_json(tmp_path: Path) -> None:
    append_line(tmp_path / "a.jsonl", "probe", {"probe": {"name": "naïve\n"}})
    assert json.loads((tmp_path / "a.jsonl").read_text())["probe"]["name"] == "naïve\n"
