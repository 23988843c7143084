from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from presage.training import ImageDataset, Recipe, prepare
from presage.training.datasets.loading import load_dataset
from presage.training.prepared import PreparedData

TINY = Recipe(epochs=1, image_side=8, train_images=60, validation_images=30)


@pytest.fixture
def spec(tmp_path: Path, stripes: ImageDataset) -> str:
    path = tmp_path / "stripes.npz"
    x_train, x_test = stripes.x_train[..., 0], stripes.x_test[..., 0]
    np.savez(path, x_train=x_train, y_train=stripes.y_train, x_test=x_test, y_test=stripes.y_test)
    return str(path)


def test_it_gives_what_prepare_gives(spec: str) -> None:
    given = PreparedData(torch.device("cpu"))(spec, TINY)
    expected = prepare(load_dataset(spec), TINY, "cpu")
    assert torch.equal(given.x_train, expected.x_train)
    assert torch.equal(given.mean, expected.mean)


def test_recipes_that_treat_images_alike_share_them(spec: str) -> None:
    prepared = PreparedData(torch.device("cpu"))
    first = prepared(spec, TINY)
    assert prepared(spec, replace(TINY, epochs=9, learning_rate=0.1, flip=True)) is first
    for other in ({"image_side": 10}, {"train_images": 50}, {"split_seed": 1}, {"validation_fraction": 0.3}):
        assert prepared(spec, replace(TINY, **other)) is not first  # type: ignore[arg-type]


def test_the_latest_used_stay_within_the_limit_of_memory(spec: str) -> None:
    one = prepare(load_dataset(spec), TINY, "cpu")
    size = one.x_train.nbytes + one.x_validation.nbytes + one.x_test.nbytes
    prepared = PreparedData(torch.device("cpu"), most_bytes=2 * size)
    recipes = [replace(TINY, split_seed=seed) for seed in range(3)]
    found = [prepared(spec, recipe) for recipe in recipes[:2]]
    assert prepared(spec, recipes[0]) is found[0]
    prepared(spec, recipes[2])
    assert prepared(spec, recipes[0]) is found[0]
    assert prepared(spec, recipes[1]) is not found[1]


def test_folders_are_decoded_once_where_a_cache_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presage.training.datasets.folder_key._SETTLED_SECONDS", -60.0)
    rng = np.random.default_rng(0)
    for i in range(100):
        path = tmp_path / "data" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(path)
    spec, cpu = str(tmp_path / "data"), torch.device("cpu")
    first = PreparedData(cpu, cache=tmp_path / "cache")(spec, TINY)
    monkeypatch.setattr("presage.training.datasets.folder.read_pixels", None)  # nothing is decoded again
    second = PreparedData(cpu, cache=tmp_path / "cache")(spec, TINY)
    assert first.fingerprint == second.fingerprint
    assert torch.equal(first.x_train, second.x_train)
