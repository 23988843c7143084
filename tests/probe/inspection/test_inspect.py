"""`inspect_dataset`: every planted fault is found, by file name, and hardly anything else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from presage.probe.inspection import label_check
from presage.probe.inspection.inspect import inspect_dataset
from presage.probe.inspection.issue import KINDS, Inspection, Issue
from presage.probe.inspection.label_check import judged_by_others, suspected_labels
from presage.training.datasets.arrays import dataset_of_arrays
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.loading import load_dataset

_SHAPES = ("diamond", "disc", "square")


def _photograph(shape: int, rng: np.random.Generator) -> Image.Image:
    """A red, green or blue figure on a ground of blots and noise, 96 x 96 pixels."""
    ground = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((96, 96), Image.Resampling.BICUBIC)
    pixels = np.asarray(ground).astype(int) + rng.integers(-30, 30, (96, 96, 3))
    y, x = np.mgrid[:96, :96]
    cy, cx = rng.integers(30, 66, 2)
    away = (abs(x - cx) + abs(y - cy), np.hypot(x - cx, y - cy) * 1.2, np.maximum(abs(x - cx), abs(y - cy)) * 1.3)
    colour = np.full(3, 60)
    colour[shape] = 230
    pixels[away[shape] < 24] = colour
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("data") / "shapes"
    for part, number in (("train", 40), ("test", 12)):
        for shape, name in enumerate(_SHAPES):
            (root / part / name).mkdir(parents=True)
            for i in range(number):
                _photograph(shape, rng).save(root / part / name / f"{i:02}.png")
    train, test = root / "train", root / "test"
    shutil.copy(train / "disc" / "01.png", train / "disc" / "copy.png")
    Image.open(train / "square" / "02.png").save(train / "square" / "near.jpg", quality=60)
    shutil.copy(train / "disc" / "03.png", test / "disc" / "leak.png")
    Image.open(train / "square" / "04.png").point(lambda v: v * 0.8 + 20).save(test / "square" / "leak-near.png")
    Image.new("RGB", (96, 96), (7, 8, 9)).save(train / "disc" / "one.png")
    _photograph(0, rng).filter(ImageFilter.GaussianBlur(5)).save(train / "diamond" / "blurred.png")
    _photograph(2, rng).resize((20, 20)).save(train / "square" / "tiny.png")
    _photograph(1, rng).resize((400, 24)).save(train / "disc" / "long.png")
    for shape, name in ((1, "diamond"), (2, "disc"), (0, "square")):
        _photograph(shape, rng).save(train / name / "wrong.png")
    (train / "rare").mkdir()
    for i in range(4):
        _photograph(1, rng).rotate(45).save(train / "rare" / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def dataset(root: Path) -> ImageDataset:
    return load_dataset(root)


@pytest.fixture(scope="module")
def inspection(dataset: ImageDataset) -> Inspection:
    return inspect_dataset(dataset)


@pytest.mark.parametrize(
    ("kind", "names", "detail"),
    [
        ("leaked", {"test/disc/leak.png", "test/square/leak-near.png"}, "the same as train/"),
        ("duplicate", {"train/disc/copy.png"}, "the same as train/disc/01.png"),
        ("near duplicate", {"train/square/near.jpg"}, "nearly the same as train/square/02.png"),
        ("one colour", {"train/disc/one.png"}, "100.0% of its pixels"),
        ("blurred", {"train/diamond/blurred.png", "train/disc/long.png"}, "another blur takes "),  # one is stretched
        ("tiny", {"train/square/tiny.png"}, "20 x 20 pixels"),
        ("odd size", {"train/square/tiny.png"}, "20 x 20 pixels"),
        ("odd aspect", {"train/disc/long.png"}, "400 x 24 pixels"),
    ],
)
def test_what_was_planted_is_found_by_file_name(
    inspection: Inspection, kind: str, names: set[str], detail: str
) -> None:
    assert {issue.image for issue in inspection.of(kind)} == names
    assert all(detail in issue.detail for issue in inspection.of(kind))


def test_wrong_labels_are_doubted_with_the_class_they_look_like(inspection: Inspection) -> None:
    told = {issue.image: issue.detail for issue in inspection.of("doubted label")}
    planted = {"diamond": "disc", "disc": "square", "square": "diamond"}  # class → what its wrong image shows
    found = {name for name in planted if f"train/{name}/wrong.png" in told}
    assert len(found) >= 2  # of three, by what a hundred images each say
    assert all(told[f"train/{name}/wrong.png"].startswith(f"looks like {planted[name]}, ") for name in found)
    others = {"train/disc/one.png", "train/disc/long.png"}  # of these a doubt is no wonder
    assert len(told.keys() - others) <= 4


def test_rare_classes_and_imbalance_are_said(inspection: Inspection) -> None:
    (rare,) = inspection.of("few images")
    assert (rare.label, rare.detail, rare.image) == ("rare", "4 images to train on", "")
    assert "Classes are unbalanced: 44 training images of disc, 4 of rare (11.0 times)." in inspection.notes[0]
    assert "class_weights" in inspection.notes[0]


def test_the_text_counts_and_names(inspection: Inspection) -> None:
    lines = inspection.text().splitlines()
    assert lines[0] == f"  inspected      133 training and 38 test images: {len(inspection.issues)} issues"
    assert "  duplicate      1: train/disc/copy.png (the same as train/disc/01.png)" in lines
    assert all(len(kind) < 15 for kind in KINDS)


def test_an_inspection_survives_json(inspection: Inspection) -> None:
    assert Inspection.from_json(json.loads(json.dumps(inspection.to_json()))) == inspection
    with pytest.raises(ValueError, match="The `kind` of `Issue` must be one of"):
        Issue("other", "train", 0, "a", "b", "c")


def test_progress_of_every_stage_ends(dataset: ImageDataset) -> None:
    last: dict[str, tuple[int, int | None]] = {}
    inspect_dataset(dataset, progress=lambda stage, done, of: last.__setitem__(stage, (done, of)))
    assert last == {"judge labels": (513, 513), "compare images": (last["compare images"][1],) * 2,
                    "measure images": (171, 171)}  # fmt: skip


def test_arrays_are_inspected_too_and_named_by_place() -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (60, 12, 12, 1), dtype=np.uint8)
    x[7] = x[30]
    found = inspect_dataset(dataset_of_arrays("noise", x, np.arange(60) % 3, ["a", "b", "c"]))
    copies = [*found.of("duplicate"), *found.of("leaked")]
    assert len(copies) == 1
    assert copies[0].image in {f"x_{part}[{row}]" for part in ("train", "test") for row in range(60)}
    assert ("filed under" in copies[0].detail) == (7 % 3 != 30 % 3)


def test_labels_changed_at_random_are_found() -> None:
    digits = load_dataset("digits")
    x, y = np.concatenate([digits.x_train, digits.x_test]), np.concatenate([digits.y_train, digits.y_test])
    rng = np.random.default_rng(0)
    wrong = rng.random(len(y)) < 0.05
    noisy = dataset_of_arrays("noisy", x, np.where(wrong, (y + rng.integers(1, 10, len(y))) % 10, y), digits.classes)
    truth = dataset_of_arrays("right", x, y, digits.classes)
    found = suspected_labels(noisy)
    assert found.examined == len(y)
    planted = np.concatenate([noisy.y_train, noisy.y_test]) != _labels_like(noisy, truth)
    doubted = np.zeros(len(y), dtype=bool)
    doubted[[one.image for one in found.suspects]] = True
    assert (doubted & planted).sum() / doubted.sum() >= 0.95
    assert (doubted & planted).sum() / planted.sum() >= 0.85


def _labels_like(noisy: ImageDataset, truth: ImageDataset) -> np.ndarray:
    """The right labels of the images of `noisy`, in its own order."""
    known = {
        image.tobytes(): label
        for images, labels in ((truth.x_train, truth.y_train), (truth.x_test, truth.y_test))
        for image, label in zip(images, labels, strict=True)
    }
    return np.array([known[image.tobytes()] for images in (noisy.x_train, noisy.x_test) for image in images])


def test_the_same_seed_judges_alike_and_another_draws_anew(dataset: ImageDataset) -> None:
    first, second = judged_by_others(dataset), judged_by_others(dataset)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)
    np.testing.assert_allclose(first.probabilities.sum(axis=1), 1, atol=1e-5)
    assert first.images.tolist() == list(range(171))
    assert not np.array_equal(judged_by_others(dataset, seed=1).probabilities, first.probabilities)


def test_of_more_images_a_stratified_sample_is_judged_and_that_is_said(
    dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_check, "MOST_JUDGED", 100)
    judged = judged_by_others(dataset)
    labels = np.concatenate([dataset.y_train, dataset.y_test])
    assert len(judged.images) == 100
    np.testing.assert_array_equal(judged.labels, labels[judged.images])
    share = np.bincount(judged.labels) / np.bincount(labels)
    assert (abs(share - 100 / 171) < 0.2).all()
    found = inspect_dataset(dataset)
    assert found.notes[0] == "Labels were judged of a stratified sample of 100 of the 171 images."
    assert {issue.row for issue in found.of("doubted label")} <= set(judged.images.tolist())


def test_few_images_and_images_of_one_colour_are_judged_without_an_error() -> None:
    for n, image in ((4, np.zeros((8, 8, 1), np.uint8)), (9, np.full((20, 20, 3), 255, np.uint8))):
        dull = dataset_of_arrays("dull", np.stack([image] * n), np.arange(n) % 2, ["a", "b"])
        assert np.isfinite(judged_by_others(dull).probabilities).all()
        assert not suspected_labels(dull).suspects
