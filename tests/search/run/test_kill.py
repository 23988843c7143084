"""kill -9 at random moments of a real search, with real trainings: nothing finished is lost or done twice."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from presage.database import Database

# A server that has imported everything and forks a search for each line it reads: starts in no time, dies alone.
SERVER = """
import os, sys
import numpy as np
from presage.database import Database
from presage.search.run.engine import run_search
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer, TinySpace
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe
import presage.architecture.torch_bridge.build, presage.search.run.export  # what a training would import
import safetensors.torch, torch._dynamo

def images(n, rng):
    labels = np.arange(n) % 2
    pixels = rng.integers(0, 120, (n, 8, 8, 1)) + 120 * labels[:, None, None, None]
    return pixels.astype(np.uint8), labels.astype(np.int64)

def work(folder):
    import torch
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    dataset = ImageDataset("blocks", *images(80, rng), *images(20, rng), classes=("dark", "bright"))
    recipe = Recipe(epochs=4, train_images=48, validation_images=20, least_epoch_images=1, image_side=8, batch=16)
    settings = SearchSettings(candidates=90, shortlist=3, rounds=2, batch=15, compare_random=2)
    with Database.open(folder + "/experience.duckdb") as database:
        run_search(
            dataset, space=TinySpace(layers=2), recipe=recipe, settings=settings, database=database, device="cpu",
            scorer=lambda number, verified: TableScorer(shift=0.01 * len(verified)), run_folder=folder + "/run",
        )

print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if not child:
        try:
            work(line.strip())
            code = 0
        except BaseException as error:
            print("error", repr(error), file=sys.stderr, flush=True)
            code = 1
        os._exit(code)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class Server:
    """Starts searches that can be killed."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[3],
            env=environment,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def search(self, folder: Path, kill_after: float | None = None) -> int:
        """Exit code of a search in `folder`, -9 where it was killed before its end."""
        folder.mkdir(exist_ok=True)
        assert self.process.stdin is not None
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        child = int(self._line())
        if kill_after is not None:
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):  # it was done
                os.kill(child, signal.SIGKILL)
        return int(self._line())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    assert started.process.stdin is not None
    started.process.stdin.close()
    started.process.wait(timeout=60)


def _timeless(value: Any) -> Any:
    """The result without what may differ between two runs: times."""
    if isinstance(value, dict):
        return {name: _timeless(inner) for name, inner in value.items() if name not in ("seconds", "created_at")}
    return [_timeless(inner) for inner in value] if isinstance(value, list) else value


def _trials(folder: Path) -> dict[str, list[Any]]:
    path = str(folder / "run" / "journal.log")
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(path))
    return {
        study.study_name: [
            (trial.number, trial.state.name, trial.values, trial.params, trial.intermediate_values)
            for trial in optuna.load_study(study_name=study.study_name, storage=storage).trials
        ]
        for study in storage.get_all_studies()
    }


def test_killed_again_and_again_a_search_becomes_what_it_would_have_been(server: Server, tmp_path: Path) -> None:
    began = time.perf_counter()
    assert server.search(tmp_path / "whole") == 0
    whole_seconds = time.perf_counter() - began
    randomness = random.Random(int(os.environ.get("PRESAGE_KILL_SEED", "0")))
    kills = 0
    for _ in range(int(os.environ.get("PRESAGE_KILLS", "6"))):
        code = server.search(tmp_path / "killed", randomness.uniform(0.05, 0.5) * whole_seconds)
        assert code in (0, -signal.SIGKILL)
        kills += code == -signal.SIGKILL
    assert kills > 0
    assert server.search(tmp_path / "killed") == 0

    results = [json.loads((tmp_path / name / "run" / "result.json").read_text()) for name in ("whole", "killed")]
    assert _timeless(results[0]) == _timeless(results[1])
    studies = _trials(tmp_path / "whole")
    assert studies == _trials(tmp_path / "killed")
    assert {name: len(trials) for name, trials in studies.items()} == {
        "predicted-1": 90,
        "predicted-2": 90,
        "verified": 6,
        "random-baseline": 2,
    }
    kept = []
    for name in ("whole", "killed"):
        with Database.open(tmp_path / name / "experience.duckdb") as database:
            records = database.experiment_records()
            experiments = {(one.identity, *(getattr(one, name) for name in one.results)) for one in records}
            predictions = sorted((one.architecture, one.value) for one in database.predictions())
            kept.append((experiments, predictions))
            assert not database.check()
    assert kept[0] == kept[1]
    assert len(kept[0][0]) == len({one["chosen"]["hash"] for one in _all_verified(results[0])})
    assert len(kept[0][1]) == 6


def _all_verified(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [*(one for made in result["rounds"] for one in made["verified"]), *result["baseline"]]
