"""A run whose folder holds all that a report can show, made in a second: accuracies of a table, and answers made up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from presage.architecture.serial import to_json
from presage.files import write_json
from presage.report import write_report
from presage.search import SearchSettings, run_search
from presage.search.final_result import FinalResult, FinalTraining
from presage.search.result import SearchResult
from presage.search.run.run_folder import RunFolder
from presage.search.testing import TableScorer, TableTrainer, TinySpace
from presage.training.datasets.image_dataset import ImageDataset, ImageFiles
from presage.training.held_out import PREDICTIONS, HeldOut, Predictions
from presage.training.recipe import Recipe
from presage.training.recipe_words import recipe_words

SPACE = TinySpace(layers=3)
RECIPE = Recipe(epochs=4, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)
FINAL = Recipe(epochs=6, train_images=60, validation_images=20, least_epoch_images=1, image_side=8)
CLASSES = ("an oak", "a beech", "a <birch>")


@pytest.fixture(scope="session")
def trees() -> ImageDataset:
    """60 training and 30 test images of three classes, as files."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 255, (90, 8, 8, 3)).astype(np.uint8)
    names = tuple(f"{'train' if row < 60 else 'test'}/tree & leaf {row}.png" for row in range(90))
    files = ImageFiles(Path("trees"), names, np.full((90, 2), 8))
    y = np.arange(90) % 3
    return ImageDataset("trees", x[:60], y[:60], x[60:], y[60:], classes=CLASSES, files=files)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory, trees: ImageDataset) -> SearchResult:
    """Five networks of a short-list and two of chance; two were trained finally, and one was left no time."""
    folder, dataset = tmp_path_factory.mktemp("told") / "run", trees
    result = run_search(
        dataset, space=SPACE, recipe=RECIPE,
        settings=SearchSettings(candidates=60, shortlist=5, batch=20, compare_random=2),
        scorer=lambda number, verified: TableScorer(), run_folder=folder, trainer=TableTrainer(RECIPE.epochs),
    )  # fmt: skip
    places = RunFolder(folder)
    for at, one in enumerate((*result.verified, *result.baseline)):
        place = places.network(one.chosen.hash)
        place.mkdir(parents=True, exist_ok=True)
        architecture = to_json(SPACE.decode(one.chosen.params))
        told = {"architecture": architecture, "input_shape": [3, 8, 8], "classes": list(CLASSES)}
        (place / "architecture.json").write_text(json.dumps(told), encoding="utf-8")
        write_json(place / PREDICTIONS, _said(dataset, wrong=4 + at).to_json())
    places.best.mkdir(parents=True, exist_ok=True)
    ranked = sorted(result.verified, key=lambda one: -(one.accuracy or 0.0))
    finals = []
    for rank, one in enumerate(ranked[:2]):
        place = places.final(one.chosen.hash, FINAL.hash)
        place.mkdir(parents=True, exist_ok=True)
        write_json(place / PREDICTIONS, _said(dataset, wrong=2 + rank).to_json())
        if rank == 0:
            kept_at = places.network(one.chosen.hash) / "architecture.json"
            (places.best / "architecture.json").write_bytes(kept_at.read_bytes())
        finals.append(_final(one.chosen.hash, dict(one.chosen.params), one.accuracy, rank, one.chosen.multiply_adds))
    round_result = result.rounds[0]
    kept = tuple(one for one in round_result.verified if one.chosen.hash != ranked[-1].chosen.hash)
    cut = replace(
        result, rounds=(replace(round_result, verified=kept),), final=FinalResult(tuple(finals), ("Said in a note.",))
    )
    write_json(places.result, cut.to_json())
    return cut


def _final(
    digest: str, params: dict[str, object], search: float | None, rank: int, multiply_adds: int
) -> FinalTraining:
    accuracy = 0.91 - 0.05 * rank
    curve = tuple(accuracy - 0.06 * (5 - epoch) for epoch in range(6))
    return FinalTraining(
        digest, params, FINAL.to_json(), recipe_words(FINAL), (), "finished", accuracy, None if rank else 0.875, search,
        curve, 3.25, 0.0, 1234, multiply_adds, None,
    )  # fmt: skip


def _said(dataset: ImageDataset, wrong: int) -> Predictions:
    """All right but the first `wrong` images, of which each is taken for the next class, ever less surely."""

    def part(labels: np.ndarray, first: int) -> HeldOut:
        n = len(labels)
        predicted = tuple(int((label + (at < wrong)) % 3) for at, label in enumerate(labels))
        sure = tuple(950 - 20 * at if at < wrong else 800 for at in range(n))
        label_sure = tuple(1 + at if at < wrong else 800 for at in range(n))
        assert dataset.files is not None
        names = {str(at): dataset.files.names[first + at] for at in range(wrong)}
        return HeldOut(tuple(range(n)), tuple(map(int, labels)), predicted, sure, label_sure, names)

    return Predictions(part(dataset.y_train[:20], 0), part(dataset.y_test, len(dataset.y_train)))


@pytest.fixture(scope="session")
def page(told: SearchResult, trees: ImageDataset) -> Path:
    """The report of the run, with pictures."""
    write_report(told.folder, SPACE, trees)
    return told.folder / "report.html"
