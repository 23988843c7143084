"""What a folder holds and is not taken is counted and named; what it holds under an unusual name is taken."""

from __future__ import annotations

import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from presage.errors import InvalidDataset
from presage.training.datasets import image_formats
from presage.training.datasets.left_out import LeftOut
from presage.training.datasets.loading import load_dataset


def _image(seed: int, side: int = 8) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8))


def _folder(root: Path, classes: tuple[str, ...] = ("cat", "dog"), names: str = "{}.png") -> Path:
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(5):
            _image(10 * label + i).save(root / name / names.format(i), format="PNG")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return _folder(tmp_path / "pets")


def test_all_that_is_left_out_is_counted_and_named_in_one_line(root: Path) -> None:
    plain = load_dataset(root)
    assert (plain.left_out, plain.warnings) == ((), ())
    (root / ".DS_Store").touch()
    (root / ".git").mkdir()
    for name in ("@eaDir", "__MACOSX", ".ipynb_checkpoints", "Lost+Found"):
        (root / name).mkdir()
        _image(0).save(root / name / "a.png")
    (root / "cat" / "@eaDir").mkdir()
    (root / "cat" / "notes.txt").touch()
    (root / "cat" / "README").write_text("about cats")
    (root / "dog" / "Thumbs.db").touch()
    (root / "dog" / "raw.CR2").touch()
    _image(0).save(root / "loose.png")
    dataset = load_dataset(root)
    assert dataset.classes == ("cat", "dog")
    assert dataset.fingerprint == plain.fingerprint
    assert dataset.left_out == (
        LeftOut("hidden", (".DS_Store", ".git", ".ipynb_checkpoints")),
        LeftOut("system", ("@eaDir", "Lost+Found", "__MACOSX", "cat/@eaDir", "dog/Thumbs.db")),
        LeftOut("no image", ("cat/README", "cat/notes.txt")),
        LeftOut("unreadable kind", ("dog/raw.CR2",)),
        LeftOut("no class", ("loose.png",)),
    )
    assert dataset.warnings == (
        f"Left out of `{root}`: 3 hidden files or folders (`.DS_Store`, `.git`, `.ipynb_checkpoints`); "
        "5 files or folders of the system (`@eaDir`, `Lost+Found`, `__MACOSX`, `cat/@eaDir`, `dog/Thumbs.db`); "
        "2 files that are no images (`cat/README`, `cat/notes.txt`); "
        "1 image of a kind that Pillow cannot read here (`dog/raw.CR2`); 1 image in no class folder (`loose.png`).",
    )


def test_of_many_the_first_are_named_and_the_rest_counted(root: Path) -> None:
    for i in range(30):
        (root / "cat" / f"{i:02}.txt").touch()
    line = load_dataset(root).warnings[0]
    assert "30 files that are no images (`cat/00.txt`, " in line
    assert line.endswith("`cat/07.txt` and 22 more).")


@pytest.mark.parametrize("name", ["__none__", "_", "#2", "$x", "class one"])
def test_any_other_name_is_a_class(root: Path, name: str) -> None:
    (root / "dog").rename(root / name)
    assert set(load_dataset(root).classes) == {"cat", name}


@pytest.mark.parametrize("names", ["{}", "1.2.840.{}", "{}.PNG", "{}.jfif", "{}.apng"])
def test_images_are_known_by_content_or_by_any_suffix_of_images(root: Path, tmp_path: Path, names: str) -> None:
    other = _folder(tmp_path / "other", names=names)
    assert load_dataset(other).fingerprint == load_dataset(root).fingerprint


@pytest.mark.parametrize(("suffix", "feature"), [(".avif", "avif"), (".webp", "webp"), (".jp2", "jpg_2000")])
def test_newer_kinds_are_read_where_pillow_reads_them(root: Path, suffix: str, feature: str) -> None:
    if not features.check(feature):
        pytest.skip(f"Pillow is built without {feature}")
    _image(3, 32).convert("RGB").save(root / "dog" / f"new{suffix}")
    dataset = load_dataset(root)
    assert (len(dataset.x_train) + len(dataset.x_test), dataset.warnings) == (11, ())


def test_a_kind_that_pillow_does_not_read_here_is_named_with_what_would(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_formats, "readable_suffixes", lambda: frozenset((".png",)))
    (root / "cat" / "phone.heic").write_bytes(b"....ftypheic")
    dataset = load_dataset(root)
    assert dataset.left_out == (LeftOut("unreadable kind", ("cat/phone.heic",)),)
    assert dataset.warnings[0].endswith('Type `pip install "presage[heif]"` for .heic.')
    for path in root.glob("*/*.png"):
        path.rename(path.with_suffix(".HEIC"))
    with pytest.raises(InvalidDataset) as caught:
        load_dataset(root)
    assert "Got none; 11 images of kinds that Pillow cannot read here (`cat/0.HEIC`, " in str(caught.value)
    assert str(caught.value).endswith('Type `pip install "presage[heif]"` for .heic.')


def test_frames_and_transparency_that_are_dropped_are_named(root: Path) -> None:
    first, second = _image(1), _image(2)
    first.save(root / "cat" / "moves.gif", save_all=True, append_images=[second])
    first.save(root / "dog" / "pages.tif", save_all=True, append_images=[second, second])
    first.save(root / "dog" / "still.gif")
    clear = first.convert("RGBA")
    clear.save(root / "cat" / "opaque.png")
    clear.putalpha(_image(5))
    clear.save(root / "cat" / "clear.png")
    dataset = load_dataset(root)
    assert len(dataset.x_train) + len(dataset.x_test) == 15
    assert dataset.left_out == (
        LeftOut("frames", ("cat/moves.gif", "dog/pages.tif")),
        LeftOut("transparency", ("cat/clear.png",)),
    )


def test_classes_are_compared_in_normal_form_and_shown_as_they_are_written(tmp_path: Path) -> None:
    names = ("café", "naïve", "über")
    plain = _folder(tmp_path / "plain" / "train", names)
    shutil.copytree(plain, tmp_path / "plain" / "test")
    for form in ("NFC", "NFD"):
        both = tmp_path / form
        for name in names:
            shutil.copytree(plain / name, both / "train" / unicodedata.normalize(form, name))
            other = "NFD" if form == "NFC" else "NFC"
            shutil.copytree(plain / name, both / "test" / unicodedata.normalize(other, name))
        dataset = load_dataset(both)
        assert dataset.classes == tuple(unicodedata.normalize(form, name) for name in names)
        assert dataset.fingerprint == load_dataset(tmp_path / "plain").fingerprint
        assert dataset.warnings == ()  # train and test may come from machines that write otherwise


def test_a_class_written_in_both_forms_is_one(tmp_path: Path) -> None:
    root = _folder(tmp_path / "x", ("café", "ox"))
    shutil.copytree(root / "café", root / unicodedata.normalize("NFD", "café"))
    dataset = load_dataset(root)
    assert len(dataset.classes) == 2
    assert len(dataset.x_train) + len(dataset.x_test) == 15
    (said,) = [line for line in dataset.warnings if "NFC and NFD" in line]
    assert said.startswith(f"Two folders of `{root}` are one class, `{dataset.classes[0]}`: ")


def test_a_program_is_never_started_for_a_file(root: Path) -> None:
    (root / "cat" / "bad.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n")
    with pytest.raises(InvalidDataset, match=r"bad\.png` \(UnidentifiedImageError"):
        load_dataset(root)
