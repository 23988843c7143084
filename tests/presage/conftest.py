"""A tiny dataset on disk, a tiny database with made-up experience, and a command line that runs in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from presage.cli import main
from presage.probe import ladder
from presage.training.recipe import Recipe


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
