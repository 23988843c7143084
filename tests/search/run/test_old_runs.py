"""Run folders that an earlier presage wrote still open: `data/run_of_0_1` was left by one whose short-lists had no
format of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage.architecture.graph import Architecture
from presage.search.latency.model import LatencyModel
from presage.search.latency.work import WORK
from presage.search.limits import Limits
from presage.search.result import SearchResult, ShortList, Verified
from presage.search.run.engine import load_candidates, run_search
from presage.search.run.run_folder import RunFolder, as_begun
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer, TableTrainer, TinySpace
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

OLD = Path(__file__).parent / "data" / "run_of_0_1"
SPACE = TinySpace(layers=2)
RECIPE = Recipe(epochs=4, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)
SETTINGS = SearchSettings(
    strategy="evolution", candidates=24, batch=8, shortlist=2, rounds=2, compare_random=2, seed=1,
    limits=Limits(latency_seconds=1.4e-4),
)  # fmt: skip


class ByHash:
    """Estimates a tenth of a millisecond for all; measures up to twice that."""

    model = LatencyModel(
        weights=tuple(1e-4 if name == "constant" else 1e-9 for name in WORK), input_shape=(1, 8, 8), classes=2,
        batch=1, machine={"device": "table"}, networks=8, held_out=2, error=0.1, rank=0.9,
    )  # fmt: skip

    def measure(self, architecture: Architecture) -> float:
        return 1e-4 * (1 + int(architecture.hash[:4], 16) / 65536)


class Untrained(TableTrainer):
    def train(self, architecture: Architecture, **options: Any) -> Any:
        raise AssertionError(f"{architecture.hash} was trained before")


def _resumed(
    dataset: ImageDataset, folder: Path, scorer: Callable[[int, Sequence[Verified]], TableScorer], trainer: TableTrainer
) -> SearchResult:
    return run_search(
        dataset, space=SPACE, recipe=RECIPE, settings=SETTINGS, scorer=scorer, predictor="table", run_folder=folder,
        trainer=trainer, latency=ByHash(),
    )  # fmt: skip


def test_a_run_begun_before_own_validation_images_counted_goes_on_as_it_was(tmp_path: Path) -> None:
    labels = np.arange(40) % 2
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8)
    dataset = ImageDataset(
        "own", images[:30], labels[:30], images[30:], labels[30:], ("a", "b"), validation=np.arange(20, 30)
    )
    assert as_begun(tmp_path, dataset) is dataset
    RunFolder(tmp_path).settle({"dataset": dataset.without_validation().fingerprint})
    assert as_begun(tmp_path, dataset).validation is None
    RunFolder(tmp_path / "new").settle({"dataset": dataset.fingerprint})
    assert as_begun(tmp_path / "new", dataset) is dataset


def _no_scorer(round_number: int, verified: Sequence[Verified]) -> TableScorer:
    raise AssertionError("everything was chosen before")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(OLD, tmp_path / "run")
    return tmp_path / "run"


def _old_result() -> Any:
    return json.loads((OLD / "result.json").read_text(encoding="utf-8"))


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _timeless(one)
            for name, one in value.items()
            if name not in ("seconds", "created_at") and (one is not None or not name.endswith("balanced_accuracy"))
        }  # balanced accuracies came later: null in what an earlier version trained
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def _told_again() -> Any:
    """The old result, and what it did not say yet: the recipe in words."""
    return {**_timeless(_old_result()), "recipe_words": "8 px, 40 images, 4 epochs"}


def test_a_finished_run_of_an_earlier_presage_gives_its_result_again(dataset: ImageDataset, folder: Path) -> None:
    result = _resumed(dataset, folder, _no_scorer, Untrained(RECIPE.epochs))
    assert _timeless(json.loads(json.dumps(result.to_json()))) == _told_again()
    assert len(load_candidates(folder, SPACE, 2)) == 24


def test_a_run_of_an_earlier_presage_goes_on_as_it_would_have(dataset: ImageDataset, folder: Path) -> None:
    """As if it had been killed when the candidates of its second round were recorded and none was chosen yet."""
    first = {one["hash"][:16] for one in json.loads((folder / "round-1" / "shortlist.json").read_text())["chosen"]}
    (folder / "round-2" / "shortlist.json").unlink()
    for network in (folder / "networks").iterdir():
        if network.name not in first:
            shutil.rmtree(network)
    lines = (folder / "journal.log").read_bytes().splitlines(keepends=True)
    last = max(at for at, line in enumerate(lines) if b'"worker_id":"presage"' in line)
    assert last < len(lines) - 1
    (folder / "journal.log").write_bytes(b"".join(lines[: last + 1]))
    trainer = TableTrainer(RECIPE.epochs)
    result = _resumed(dataset, folder, lambda number, verified: TableScorer(shift=0.001 * number), trainer)
    assert len(trainer.trained) == 4  # two of the short-list, two of the baseline
    assert _timeless(json.loads(json.dumps(result.to_json()))) == _told_again()
    assert json.loads((folder / "round-2" / "shortlist.json").read_text())["format"] == "presage-shortlist"


def test_a_short_list_is_written_in_a_form_of_its_own_and_read_in_the_old_one(folder: Path) -> None:
    old = json.loads((folder / "round-1" / "shortlist.json").read_text())
    read = ShortList.from_json(old)
    assert [one.hash for one in read.chosen] == [one["hash"] for one in old["chosen"]]
    assert read.too_slow == old["over the latency limit when measured"] != {}
    written = read.to_json()
    assert (written["format"], written["version"]) == ("presage-shortlist", 1)
    assert ShortList.from_json(json.loads(json.dumps(written))) == read
