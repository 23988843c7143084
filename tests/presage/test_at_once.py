"""Many commands at once on one database: all of them answer, and what is fitted is fitted once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from presage.database import Database
from presage.records.testing import probe_entry
from presage.training import load_dataset
from presage.training.recording import dataset_record

AT_ONCE = int(os.environ.get("PRESAGE_AT_ONCE", "4"))
"""Commands; with ten this takes minutes on two cores: PRESAGE_AT_ONCE=10."""
HOLD = """
import sys
from presage.database import Database
with Database.open(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def asked(presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path) -> list[str]:
    """The words of a prediction on a dataset whose probe is known."""
    from presage.probe import PROBE_VERSION

    record = dataset_record(load_dataset(str(shapes_npz)))
    with Database.open(experienced) as database:
        database.add_probe(probe_entry(record, version=PROBE_VERSION))
    networks = tmp_path / "networks.jsonl"
    networks.write_text(presage("sample", "nb201", "-n", 2).out, encoding="utf-8")
    words = ["predict", str(shapes_npz), str(networks), "--predictor", "cost-only", "--json"]
    return [*words, "--database", str(experienced)]


def start(words: list[str]) -> subprocess.Popen[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-m", "presage", *words], stdout=pipe, stderr=pipe, text=True, env=env)


def test_predictions_at_once_on_an_empty_cache_all_answer_alike(asked: list[str], experienced: Path) -> None:
    running = [start(asked) for _ in range(AT_ONCE)]
    answers = [(*process.communicate(timeout=60 * AT_ONCE), process.returncode) for process in running]
    assert [code for _, _, code in answers] == [0] * AT_ONCE, [err for _, err, _ in answers]
    assert len({json.dumps(json.loads(out)["predictions"]) for out, _, _ in answers}) == 1
    kept = experienced.parent / f"{experienced.stem}-cache" / "predictors"
    assert len([path for path in kept.iterdir() if (path / "seal.txt").is_file()]) == 1


def test_who_waits_for_another_says_so_and_then_answers(asked: list[str], experienced: Path) -> None:
    pipe = subprocess.PIPE
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(experienced)], stdin=pipe, stdout=pipe, text=True)
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "held\n"
    process = start(["database", "info", "--database", str(experienced)])
    assert process.stderr is not None
    assert "wait for another" in process.stderr.read(20)
    holder.stdin.write("let go\n")
    holder.stdin.close()
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "made-up-1" in out
    assert holder.wait() == 0
