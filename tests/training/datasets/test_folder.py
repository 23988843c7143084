"""Folders of images: layouts, kinds of image, and everything that can be wrong with them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from presage.errors import InvalidDataset
from presage.training.datasets import folder
from presage.training.datasets.loading import load_dataset

_NOISE = np.random.default_rng(0)


def _image(path: Path, size: tuple[int, int] = (6, 6), mode: str = "L", value: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = _NOISE.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    if value is not None:
        image = Image.new("L", size, value)
        image.paste(Image.linear_gradient("L").rotate(90).resize((size[0], 1)), (0, size[1] - 1))  # many levels of grey
    image.save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, number in (("cat", 10), ("dog", 5)):
        for i in range(number):
            _image(tmp_path / "pets" / name / f"{i}.png", value=10 * i + (name == "dog"))
    return tmp_path / "pets"


def _line(path: Path, **options: bool) -> str:
    with pytest.raises(InvalidDataset) as caught:
        load_dataset(path, **options)  # type: ignore[arg-type]
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_class_folders(root: Path) -> None:
    dataset = load_dataset(root)
    assert dataset.name == "pets"
    assert dataset.classes == ("cat", "dog")
    assert dataset.shape == (1, 6, 6)
    assert not dataset.test_given
    assert dataset.warnings == ()
    assert np.bincount(dataset.y_train).tolist() == [8, 4]
    assert np.bincount(dataset.y_test).tolist() == [2, 1]
    x, y = np.concatenate([dataset.x_train, dataset.x_test]), np.concatenate([dataset.y_train, dataset.y_test])
    assert sorted(x[y == 0, 0, 0, 0].tolist()) == [10 * i for i in range(10)]
    assert sorted(x[y == 1, 0, 0, 0].tolist()) == [10 * i + 1 for i in range(5)]


def test_copies_elsewhere_have_the_same_fingerprint(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "copy")
    assert load_dataset(tmp_path / "copy").fingerprint == load_dataset(root).fingerprint


def test_train_and_test_folders(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "both" / "train")
    _image(tmp_path / "both" / "Test" / "dog" / "deeper" / "a.png", value=77)
    dataset = load_dataset(tmp_path / "both")
    assert dataset.test_given
    assert len(dataset.x_train) == 15
    assert dataset.x_test[0, 0, 0, 0] == 77
    assert dataset.y_test.tolist() == [1]


def test_validation_images_are_validated_on_or_stand_in_for_a_test_set(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "all" / "train")
    _image(tmp_path / "all" / "val" / "cat" / "v.png", value=99)
    alone = load_dataset(tmp_path / "all")
    assert (len(alone.x_train), len(alone.x_test)) == (15, 1)
    assert "as the test set" in alone.warnings[0]
    _image(tmp_path / "all" / "test" / "cat" / "t.png", value=1)
    _image(tmp_path / "all" / "extra" / "x.png")
    all_three = load_dataset(tmp_path / "all")
    assert (len(all_three.x_train), len(all_three.x_test)) == (16, 1)
    assert "1 folder beside train and test (`extra`)" in all_three.warnings[0]
    assert f"Networks are validated on `val` of `{tmp_path / 'all'}`, 1 image." in all_three.warnings[1]
    assert all_three.validation is not None
    assert all_three.x_train[all_three.validation, 0, 0, 0].tolist() == [99]
    assert all_three.files is not None
    assert all_three.files.names[all_three.validation[0]] == "val/cat/v.png"
    _image(tmp_path / "all" / "val" / "owl" / "v.png")
    assert "The `val` of" in _line(tmp_path / "all")
    shutil.rmtree(tmp_path / "all" / "val")
    (tmp_path / "all" / "val").mkdir()
    without = load_dataset(tmp_path / "all")
    assert without.validation is None
    assert "No image is in `val`" in without.warnings[1]


def test_a_train_folder_alone_holds_the_classes(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "alone" / "train")
    dataset = load_dataset(tmp_path / "alone")
    assert dataset.classes == ("cat", "dog")
    assert not dataset.test_given
    assert dataset.fingerprint == load_dataset(root).fingerprint


def test_a_class_may_be_called_train(root: Path) -> None:
    (root / "dog").rename(root / "train")
    assert load_dataset(root).classes == ("cat", "train")


def test_one_colour_image_makes_all_three_channels(root: Path) -> None:
    _image(root / "cat" / "red.jpg", mode="RGB")
    dataset = load_dataset(root)
    assert dataset.shape == (3, 6, 6)
    x = np.concatenate([dataset.x_train, dataset.x_test])
    assert ((x == x[..., :1]).all(axis=(1, 2, 3))).sum() == 15


def test_images_are_square_of_the_median_longer_side_at_most_64(root: Path) -> None:
    for i in range(5):
        _image(root / "cat" / f"odd{i}.png", size=(9, 200))
    assert load_dataset(root).shape == (1, 6, 6)
    for i in range(20):
        _image(root / "dog" / f"odd{i}.png", size=(300, 9))
    assert load_dataset(root).shape == (1, 64, 64)


def test_reduction_is_antialiased(tmp_path: Path) -> None:
    board = np.indices((512, 512)).sum(axis=0) % 2 * 255
    for name in "ab":
        for i in range(3):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(board.astype(np.uint8)).save(tmp_path / name / f"{i}.png")
    x = load_dataset(tmp_path).x_train
    assert x.shape[1:] == (64, 64, 1)
    assert np.abs(x.astype(int) - 127).max() <= 2


def _kinds() -> Iterator[tuple[str, Image.Image, int | tuple[int, int, int]]]:
    """(file name, image, the value of every pixel once read)."""
    yield "bits.png", Image.new("1", (4, 4), 1), 255
    yield "sixteen.png", Image.fromarray(np.full((4, 4), 0x80FF, np.uint16)), 0x80
    yield "greys.png", Image.new("L", (4, 4), 90).convert("P"), 90
    yield "palette.gif", Image.new("RGB", (4, 4), (200, 0, 0)).convert("P", palette=Image.Palette.ADAPTIVE), (200, 0, 0)
    yield "clear.png", Image.new("RGBA", (4, 4), (0, 0, 0, 0)), (255, 255, 255)
    yield "half.png", Image.new("LA", (4, 4), (0, 128)), 127
    yield "ink.tif", Image.new("CMYK", (4, 4), (0, 255, 255, 0)), (255, 0, 0)
    yield "web.webp", Image.new("RGB", (4, 4), (255, 255, 255)), (255, 255, 255)
    yield "large.JPEG", Image.new("L", (4000, 4000), 128), 128


@pytest.mark.parametrize("kind", list(_kinds()), ids=lambda kind: kind[0])
def test_every_kind_of_image(tmp_path: Path, kind: tuple[str, Image.Image, int | tuple[int, int, int]]) -> None:
    name, image, value = kind
    for label in "ab":
        (tmp_path / label).mkdir()
        image.save(tmp_path / label / name)
        image.save(tmp_path / label / f"2{name}")
    dataset = load_dataset(tmp_path)
    assert dataset.shape[0] == (1 if isinstance(value, int) else 3)
    assert np.abs(dataset.x_train.astype(int) - np.array(value)).max() <= 1


def test_a_rotated_photograph_is_turned_upright(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:, 4:] = 255  # bright on the right
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: bright below
    for label in "ab":
        for i in range(2):
            (tmp_path / label).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / label / f"{i}.png", exif=exif)
    x = load_dataset(tmp_path).x_train[0, ..., 0]
    assert (x[:4] == 0).all()
    assert (x[4:] == 255).all()


def test_progress_ends_at_the_number_of_images(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presage.training.datasets.decoding._IMAGES_AT_ONCE", 4)
    seen: list[tuple[int, int]] = []
    load_dataset(root, on_progress=lambda done, of: seen.append((done, of)))
    assert seen == [(4, 15), (8, 15), (12, 15), (15, 15)]


def test_of_too_many_images_a_stratified_sample_is_taken(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "_MOST_BYTES", 9 * 36)
    dataset = load_dataset(root)
    together = np.bincount(dataset.y_train) + np.bincount(dataset.y_test)
    assert together.tolist() == [6, 3]
    assert "a stratified sample of 9 of the 15 images" in dataset.warnings[0]


def test_links_in_a_circle_end(root: Path) -> None:
    (root / "cat" / "up").symlink_to(root)
    (root / "cat" / "me").symlink_to(root / "cat")
    (root / "dog" / "cats").symlink_to(root / "cat")
    (root / "around").symlink_to(root)
    dataset = load_dataset(root)
    assert np.bincount(dataset.y_train).tolist() == [8, 4]
    assert "4 links to folders that are read already" in dataset.warnings[0]
    assert len(dataset.left_out[0].names) == 4


def test_linked_class_folders_are_followed(root: Path, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "links").mkdir(exist_ok=True)
        (tmp_path / "links" / name).symlink_to(root / name)
    assert load_dataset(tmp_path / "links").fingerprint == load_dataset(root).fingerprint


def test_no_class_folders(tmp_path: Path) -> None:
    _image(tmp_path / "a.png")
    line = _line(tmp_path)
    assert f"The `folders` of `{tmp_path}` must include 2 to 1,000 class folders. Got none." in line
    assert "Put the images of each class into a folder of its own." in line


def test_one_class(root: Path) -> None:
    shutil.rmtree(root / "dog")
    assert f"The `folders` of `{root}` must include 2 to 1,000 class folders. Got 1 (`cat`)." in _line(root)


def test_a_folder_too_high_suggests_the_one_below(root: Path) -> None:
    assert _line(root.parent).endswith(f"Got 1 (`pets`). Did you mean `{root}`?")


def test_more_than_a_thousand_classes(tmp_path: Path) -> None:
    for i in range(1001):
        (tmp_path / f"{i:04}").mkdir()
    assert "must include 2 to 1,000 class folders. Got 1,001 (`0000`, `0001`" in _line(tmp_path)


def test_a_class_with_a_single_image(root: Path) -> None:
    _image(root / "emu" / "1.png")
    assert _line(root) == f"The `classes` of `{root}` must have at least 2 images each. Got 1 in `emu`."


def test_an_empty_class_and_an_empty_folder(root: Path) -> None:
    (root / "emu").mkdir()
    assert "must have at least 2 images each. Got 0 in `emu`. Put images into its folder, or remove it." in _line(root)
    for name in ("cat", "dog"):
        shutil.rmtree(root / name)
        (root / name).mkdir()
    assert f"The `class folders` of `{root}` must hold images (.apng, .avif" in _line(root)


def test_a_test_class_that_is_not_trained_on(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "both" / "train")
    _image(tmp_path / "both" / "test" / "emu" / "1.png")
    assert _line(tmp_path / "both").endswith("must hold no class that `train` lacks. Got `emu`.")


def test_a_test_folder_without_images(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "both" / "train")
    (tmp_path / "both" / "test" / "cat").mkdir(parents=True)
    assert "The `test` of" in _line(tmp_path / "both")


def _break(path: Path, how: str) -> None:
    whole = path.read_bytes()
    if how == "cut":
        _image(path, size=(60, 60))
        path.write_bytes(path.read_bytes()[:1500])
    elif how == "text":
        path.write_text("not found")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "flipped":
        path.write_bytes(whole[:45] + bytes(255 - byte for byte in whole[45:60]) + whole[60:])
    elif how == "dangling":
        path.unlink()
        path.symlink_to("nowhere.png")
    elif how == "bomb":
        Image.new("1", (20_000, 10_000)).save(path)


@pytest.mark.parametrize("how", ["cut", "text", "empty", "flipped", "dangling", "bomb"])
def test_a_corrupt_image_among_good_ones(root: Path, how: str, recwarn: pytest.WarningsRecorder) -> None:
    _break(root / "cat" / "3.png", how)
    line = _line(root)
    assert f"The `images` of `{root}` must all be readable. Got `cat{os.sep}3.png`" in line
    assert line.endswith("Mend or remove it, or ask to skip corrupt images.")
    dataset = load_dataset(root, skip_corrupt=True)
    assert len(dataset.x_train) + len(dataset.x_test) == 14
    assert len(dataset.warnings) == 1
    assert f"Skipped the corrupt image `cat{os.sep}3.png` of `{root}`" in dataset.warnings[0]
    assert not [warning for warning in recwarn if "Decompression" in str(warning.category)]


def test_many_corrupt_images_are_counted(root: Path) -> None:
    for i in range(30):
        (root / "cat" / f"bad{i}.png").touch()
    dataset = load_dataset(root, skip_corrupt=True)
    assert len(dataset.warnings) == 21
    assert dataset.warnings[-1] == f"Skipped 10 more corrupt images of `{root}`."


def test_corrupt_images_that_are_not_to_be_skipped_are_counted_whatever_is_wrong_with_each(root: Path) -> None:
    for name, how in (("1", "empty"), ("3", "cut"), ("4", "text")):
        _break(root / "cat" / f"{name}.png", how)
    line = _line(root)
    assert f"must all be readable. Got `cat{os.sep}1.png` (" in line
    assert line.endswith(" and 2 more. Mend or remove them, or ask to skip corrupt images.")


def test_nothing_is_left_once_the_corrupt_are_skipped(root: Path) -> None:
    for path in (root / "dog").iterdir():
        path.write_bytes(b"")
    assert _line(root, skip_corrupt=True).endswith("must hold every class. Got no image of class 'dog'.")
    for path in (root / "cat").iterdir():
        path.write_bytes(b"")
    assert "must include one that can be read. Got none in 15." in _line(root, skip_corrupt=True)


def test_a_folder_that_may_not_be_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def locked(path: Path) -> object:
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", locked)
    line = _line(root)
    assert f"The `folders` of `{root}` must be readable. Got PermissionError" in line
    assert "dog" in line
