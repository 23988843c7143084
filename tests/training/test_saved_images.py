from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from presage.architecture.serial import to_json
from presage.training import ImageDataset, Recipe
from presage.training.experiment_job import run_experiment
from presage.training.saved_images import load_images, save_images
from tests.training.test_side_by_side import networks


def test_a_dataset_is_what_it_was(stripes: ImageDataset, tmp_path: Path) -> None:
    for at, dataset in enumerate([stripes, replace(stripes, validation=np.arange(0, 60, 2), test_given=False)]):
        save_images(dataset, tmp_path / str(at))
        again = load_images(tmp_path / str(at))
        assert again.fingerprint == dataset.fingerprint
        assert (again.name, again.classes, again.test_given) == (dataset.name, dataset.classes, dataset.test_given)
        assert (again.validation is None) == (dataset.validation is None)


def test_an_experiment_is_the_same_where_its_dataset_cannot_be_read(stripes: ImageDataset, tmp_path: Path) -> None:
    file = tmp_path / "stripes.npz"
    np.savez(
        file, x_train=stripes.x_train, y_train=stripes.y_train, x_test=stripes.x_test, y_test=stripes.y_test,
        classes=stripes.classes,
    )  # fmt: skip
    recipe = Recipe(epochs=1, image_side=8, train_images=60, test_images=60)
    message = {
        "dataset": str(file), "fingerprint": stripes.fingerprint, "architecture": to_json(networks(1)[0].canonical),
        "recipe": recipe.to_json(), "seed": 2, "device": "cpu", "cache": None,
    }  # fmt: skip
    expected = run_experiment(message)
    save_images(stripes, tmp_path / "images")
    file.unlink()
    found = run_experiment({**message, "dataset": "/nowhere/stripes.npz", "images": str(tmp_path / "images")})
    times = {"seconds", "created_at"}
    assert {k: v for k, v in found.items() if k not in times} == {k: v for k, v in expected.items() if k not in times}
