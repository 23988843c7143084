"""A tiny dataset on disk, a tiny database with made-up experience, and a command line that runs in this process."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from presage.architecture.costs import costs
from presage.architecture.serial import to_json
from presage.architecture.spaces import get_space
from presage.cli import main
from presage.database import Database
from presage.probe import ladder
from presage.records import ArchitectureRecord
from presage.records.testing import dataset_record, experiment_entry, probe_entry
from presage.training.recipe import Recipe
from presage.training.recording import recipe_record


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def short_ladder(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rung in place of five: nothing here depends on the others, and each takes as long as a probe or three."""
    monkeypatch.setattr(ladder, "RUNGS", ladder.RUNGS[:1])


@pytest.fixture(scope="session")
def shapes_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 8×8 grey images: a bright upper half, a bright left half, a bright middle."""
    rng = np.random.default_rng(0)

    def images(n: int) -> tuple[np.ndarray, np.ndarray]:
        x, y = rng.integers(0, 90, (n, 8, 8)), np.arange(n) % 3
        x[y == 0, :4] += 120
        x[y == 1, :, :4] += 120
        x[y == 2, 2:6, 2:6] += 120
        return x.astype(np.uint8), y

    (x_train, y_train), (x_test, y_test) = images(120), images(30)
    path = tmp_path_factory.mktemp("data") / "shapes.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


@pytest.fixture(scope="session")
def shapes(shapes_npz: Path) -> tuple[np.ndarray, np.ndarray]:
    """120 images (n, h, w), and the names of their classes."""
    with np.load(shapes_npz) as arrays:
        return arrays["x_train"], np.array(["upper", "left", "middle"])[arrays["y_train"]]


@pytest.fixture(scope="session")
def _experienced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four datasets, twelve networks of `nb201` each, accuracies made up: more multiply-adds, higher."""
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


@dataclass(frozen=True)
class Outcome:
    """What a command did: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def presage(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Runs the command line and gives its outcome."""
    monkeypatch.delenv("PRESAGE_DATABASE", raising=False)

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return run


@pytest.fixture(scope="session")
def begun() -> Callable[..., None]:
    """Searches in a folder: two networks of a made-up table are trained, or the first alone for one epoch (`stop`)."""
    from presage.search.run.engine import run_search
    from presage.search.settings import SearchSettings
    from presage.search.testing import TableScorer, TableTrainer, TinySpace
    from presage.training.datasets.image_dataset import ImageDataset

    recipe = Recipe(epochs=2, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)
    pixels = (np.arange(120 * 64) % 251).astype(np.uint8).reshape(120, 8, 8, 1)
    labels = np.arange(120) % 2
    dataset = ImageDataset("blocks", pixels[:100], labels[:100], pixels[100:], labels[100:], classes=("dark", "bright"))

    def run(folder: Path, stop: bool = False) -> None:
        def tell(at: Any) -> None:
            if stop and (at.stage, at.done) == ("train", 2):
                raise KeyboardInterrupt

        run_search(
            dataset, space=TinySpace(layers=2), recipe=recipe,
            settings=SearchSettings(candidates=60, shortlist=2, batch=20),
            scorer=lambda number, verified: TableScorer(), run_folder=folder, trainer=TableTrainer(recipe.epochs),
            on_progress=tell,
        )  # fmt: skip

    return run
