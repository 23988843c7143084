"""`presage search` and `presage populate`, killed with -9 at random moments and started again each time.

Three kills each, as processes take long to start; ``PRESAGE_KILLS=10`` makes it ten.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from presage.database import Database, check_file

KILLS = int(os.environ.get("PRESAGE_KILLS", "3"))


def run_until_killed(words: Sequence[object], seconds: float) -> bool:
    """Start presage; kill it and all its workers after `seconds`. Whether it had ended by itself before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "presage", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        _, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return False
    assert process.returncode == 0, errors.decode()[-2000:]
    return True


def finished(words: Sequence[object]) -> float:
    """Run to the end; seconds that took."""
    began = time.monotonic()
    assert run_until_killed(words, 600)
    return time.monotonic() - began


def stored(database: Path) -> dict[str, str]:
    """Identity → time of creation, of every experiment in a database that its owner was killed over."""
    if not database.exists():
        return {}
    with Database.open(database) as opened:
        return {row.identity: row.created_at for row in opened.experiment_records()}


@pytest.mark.slow
def test_a_search_killed_again_and_again_loses_and_doubles_nothing(
    shapes_npz: Path, experienced: Path, tmp_path: Path
) -> None:
    def words(name: str) -> list[object]:
        return [
            "search", shapes_npz, "--space", "nb201", "--candidates", 200, "--shortlist", 3, "--compare-random", 2,
            "--predictor", "cost-only", "--epochs", 4, "--train-images", 60, "--run", tmp_path / name,
            "--database", tmp_path / f"{name}.duckdb", "--quiet", "--final-recipe", final,
        ]  # fmt: skip

    final = tmp_path / "final.json"
    final.write_text('{"epochs": 6, "train_images": null, "least_epoch_images": 1, "image_side": 8}')

    def begin(name: str) -> dict[str, str]:
        copy = tmp_path / f"{name}.duckdb"
        copy.write_bytes(experienced.read_bytes())
        return stored(copy)

    def verified(name: str) -> list[tuple[str, float]]:
        result = json.loads((tmp_path / name / "result.json").read_text())
        (final,) = result["final"]["trainings"]
        trained = [(one["chosen"]["hash"], one["accuracy"]) for one in result["rounds"][0]["verified"]]
        return [*trained, (final["hash"], final["accuracy"]), (str(final["recipe"]), final["test_accuracy"])]

    before = begin("whole")
    seconds = finished(words("whole"))
    whole = stored(tmp_path / "whole.duckdb")
    assert len(whole) - len(before) == 5 + 9 + 3 + 1  # of the short-list and the baseline; to tune; the final one

    rng, kills, attempt = random.Random(0), 0, 0
    while kills < KILLS:
        attempt += 1
        name, ended = f"killed-{attempt}", False
        seen = begin(name)
        while not ended:
            began = time.monotonic()
            ended = run_until_killed(words(name), rng.uniform(0.2, 1.0) * seconds if kills < KILLS else 600)
            kills += not ended
            if ended:  # the machine may be less busy than it was: a kill has to come before the end
                seconds = min(seconds, time.monotonic() - began)
            now = stored(tmp_path / f"{name}.duckdb")
            assert seen.items() <= now.items()  # nothing lost, nothing trained again
            seen = now
        assert seen.keys() == whole.keys()
        assert verified(name) == verified("whole")  # the search that would have been, to the last digit
        assert not check_file(tmp_path / f"{name}.duckdb")


@pytest.mark.slow
def test_a_campaign_killed_again_and_again_loses_and_doubles_nothing(shapes_npz: Path, tmp_path: Path) -> None:
    def words(name: str) -> list[object]:
        return [
            "populate", shapes_npz, "--count", 10, "--probes", 1, "--workers", 2, "--out", tmp_path / name,
            "--epochs", 2, "--train-images", 60, "--database", tmp_path / f"{name}.duckdb", "--quiet",
        ]  # fmt: skip

    def recorded(name: str) -> list[tuple[str, int, str]]:
        """Architecture, seed and time of every whole line."""
        lines = [
            line
            for path in (tmp_path / name).glob("*.jsonl")
            for line in path.read_text().splitlines(keepends=True)
            if line.endswith("\n")
        ]
        rows = [json.loads(line)["experiment"] for line in lines]
        return [(row["architecture"], row["seed"], row["created_at"]) for row in rows]

    def begin(name: str) -> None:
        with Database.open(tmp_path / f"{name}.duckdb", from_seed=False):
            pass

    begin("whole")
    seconds = finished(words("whole"))
    rng, kills, attempt = random.Random(1), 0, 0
    while kills < KILLS:
        attempt += 1
        name, ended, seen = f"killed-{attempt}", False, set[tuple[str, int, str]]()
        begin(name)
        while not ended:
            began = time.monotonic()
            ended = run_until_killed(words(name), rng.uniform(0.2, 1.0) * seconds if kills < KILLS else 600)
            kills += not ended
            if ended:  # the machine may be less busy than it was: a kill has to come before the end
                seconds = min(seconds, time.monotonic() - began)
            now = set(recorded(name))
            assert seen <= now
            seen = now
        end = recorded(name)
        assert len(end) == 10
        assert max(Counter(row[:2] for row in end).values()) == 1
        assert {row[:2] for row in end} == {row[:2] for row in recorded("whole")}
        assert stored(tmp_path / f"{name}.duckdb").keys() == stored(tmp_path / "whole.duckdb").keys()
