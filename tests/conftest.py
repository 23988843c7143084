"""What every package's tests share: the folder of real data, a small database of made-up experience, and the random
state that a test begins with."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Seed what draws without a generator of its own, so that no test hangs on which ran before it.

    A hook, not a fixture, as it comes before the fixtures of sessions and modules too. What is not imported yet (torch
    takes seconds) begins with a seed of its own, or is seeded before the next test.
    """
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real datasets and benchmark tables, beside a developer's checkout; skips where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared (real datasets and benchmark tables), which only developers have")
    return folder


@pytest.fixture(scope="session", autouse=True)
def home_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A user's data folder for the tests, so that none touches the developer's own; commands they start inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _by_numpy() -> Iterator[None]:
    """Everything by NumPy, as without the extra `fast`, which developers have: users need not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRESAGE_COMPILED", "0")
        yield


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """By compiled code, where there is any and presage would choose it."""
    monkeypatch.delenv("PRESAGE_COMPILED")


@pytest.fixture(scope="session")
def _experienced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four datasets, twelve networks of `nb201` each, accuracies made up: more multiply-adds, higher."""
    import numpy as np  # what is heavy is loaded by the tests that ask for it

    from presage.architecture.costs import costs
    from presage.architecture.serial import to_json
    from presage.architecture.spaces import get_space
    from presage.database import Database
    from presage.records import ArchitectureRecord
    from presage.records.testing import dataset_record, experiment_entry, probe_entry
    from presage.training.recipe import Recipe
    from presage.training.recording import recipe_record

    path = tmp_path_factory.mktemp("experience") / "made_up.duckdb"
    space = get_space("nb201")
    recipe = recipe_record(Recipe())
    codes = space.sample(12, np.random.default_rng(1))
    entries, probes = [], []
    for number in range(4):
        dataset = dataset_record(f"made-up-{number}")
        dcn = 0.5 + 0.1 * number
        described = {"log_classes": math.log(dataset.classes)}
        probes.append(probe_entry(dataset, dcn=dcn, curve=[0.3, dcn], version="1", description=described))
        for rank, code in enumerate(codes):
            architecture = space.decode(space.params(code)).canonical
            record = ArchitectureRecord(architecture.hash, to_json(architecture), space.name, space.params(code))
            accuracy = 0.4 + 0.1 * number + 0.01 * rank
            curve = [accuracy] * Recipe().epochs
            found = costs(architecture, (dataset.channels, Recipe().image_side, Recipe().image_side), dataset.classes)
            changed: dict[str, Any] = {"accuracy": accuracy, "curve": curve, "train_losses": curve, **asdict(found)}
            entries.append(
                experiment_entry(rank, dataset=dataset, architecture=record, recipe=recipe, seed=number, **changed)
            )
    with Database.open(path) as database:
        database.add_probes(probes)
        database.add_experiments({entry.experiment.identity: entry for entry in entries}.values())
    return path


@pytest.fixture
def experienced(_experienced: Path, tmp_path: Path) -> Path:
    """A copy of the made-up database, for one test to write to."""
    copy = tmp_path / "experience.duckdb"
    copy.write_bytes(_experienced.read_bytes())
    return copy
