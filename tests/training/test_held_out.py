"""What a trained network says of the images held out: the same as its accuracies, in numbers that files keep."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from presage.architecture.spaces import get_space
from presage.errors import WrongInput
from presage.reading import read_as
from presage.training.data import prepare, rows_for_test
from presage.training.datasets.image_dataset import ImageDataset, ImageFiles
from presage.training.fitting import fit
from presage.training.held_out import NAMED, HeldOut, Predictions, _held_out, predictions_of
from presage.training.recipe import Recipe

RECIPE = Recipe(epochs=2, train_images=60, validation_images=30, test_images=25, least_epoch_images=1, image_side=8)


@pytest.fixture(scope="module")
def dataset() -> ImageDataset:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, (160, 8, 8, 1)).astype(np.uint8), np.arange(160) % 3
    x[y == 1] //= 3
    names = tuple(f"{'train' if row < 120 else 'test'}/{row}.png" for row in range(160))
    files = ImageFiles(Path("blocks"), names, np.full((160, 2), 8))
    return ImageDataset("blocks", x[:120], y[:120], x[120:], y[120:], classes=("a", "b", "c"), files=files)


def test_predictions_agree_with_the_accuracies_of_the_training(dataset: ImageDataset) -> None:
    data = prepare(dataset, RECIPE, "cpu")
    space = get_space("chain")
    architecture = space.decode(space.params(space.sample(1, np.random.default_rng(1))[0]))
    result = fit(architecture, data, RECIPE)
    assert result.module is not None
    found = predictions_of(result.module, architecture, dataset, data, RECIPE, test=True)
    assert found.test is not None
    assert found.validation.accuracy == pytest.approx(result.accuracy)
    assert found.test.accuracy == pytest.approx(result.test_accuracy)
    assert found.validation.rows == tuple(data.validation_images.tolist())
    assert [int(label) for label in dataset.y_train[list(found.validation.rows)]] == list(found.validation.labels)
    assert [int(label) for label in dataset.y_test[list(found.test.rows)]] == list(found.test.labels)
    assert found.test.rows == tuple(rows_for_test(dataset, RECIPE).tolist())
    assert len(found.test.rows) == 25
    for part, first in ((found.validation, 0), (found.test, 120)):
        assert part.mistakes
        assert (
            part.names
            == {
                str(part.rows[at]): dataset.files.names[first + part.rows[at]]  # type: ignore[union-attr]
                for at in part.mistakes[:NAMED]
            }
        )
    assert predictions_of(result.module, architecture, dataset, data, RECIPE, test=False).test is None


def test_probabilities_are_kept_in_thousandths_and_the_worst_mistake_comes_first() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 3.0], [0.0, 1.0], [5.0, 0.0]])
    found = _held_out(logits, torch.tensor([0, 0, 0, 1]), np.array([4, 7, 8, 9]), ())
    assert found.predicted == (0, 1, 1, 0)
    assert found.confidence == (881, 953, 731, 993)  # 1 / (1 + exp(-logit))
    assert found.label_confidence == (881, 47, 269, 7)
    assert [found.rows[at] for at in found.mistakes] == [9, 7, 8]
    assert found.accuracy == 0.25
    assert found.names == {}


def test_what_was_written_is_read_again_and_what_is_damaged_is_refused(tmp_path: Path) -> None:
    part = HeldOut((3, 5), (0, 1), (0, 0), (900, 600), (900, 400), {"5": "a/5.png"})
    found = Predictions(part, replace(part, names={}))
    file = tmp_path / "predictions.json"
    told = json.loads(json.dumps(found.to_json()))
    file.write_text(json.dumps(told))
    assert read_as(file, Predictions.from_json) == found
    assert read_as(tmp_path / "none.json", Predictions.from_json) is None
    for damage in (
        {**told, "version": 2},
        {**told, "validation": {**told["validation"], "labels": [0]}},
        {**told, "validation": {**told["validation"], "predicted": [0, -1]}},
        {**told, "validation": {**told["validation"], "names": {"5": 7}}},
        {**told, "test": {"rows": "many"}},
    ):
        file.write_text(json.dumps(damage))
        with pytest.raises(WrongInput, match="damaged"):
            read_as(file, Predictions.from_json)
