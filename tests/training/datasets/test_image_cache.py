"""A folder is decoded once: found again while it stays as it is, read anew when anything changes, within bounds."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from presage.training.datasets import folder, folder_key
from presage.training.datasets.decoding import reorder
from presage.training.datasets.image_cache import ImageCache
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.image_file import read_pixels
from presage.training.datasets.loading import load_dataset


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are decoded."""
    names: list[str] = []

    def counted(path: Path, *arguments: object) -> np.ndarray:
        names.append(path.name)
        return read_pixels(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(folder, "read_pixels", counted)
    monkeypatch.setattr(folder_key, "_SETTLED_SECONDS", -60.0)
    return names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(20):
        path = tmp_path / "pets" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (12, 10), dtype=np.uint8)).save(path)
    return tmp_path / "pets"


def _same(first: ImageDataset, second: ImageDataset) -> None:
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for name in ("name", "classes", "test_given", "warnings", "left_out", "depth", "fingerprint"):
        assert getattr(first, name) == getattr(second, name)
    assert first.files is not None
    assert second.files is not None
    assert first.files.names == second.files.names
    np.testing.assert_array_equal(first.files.sizes, second.files.sizes)


def test_a_folder_is_decoded_once_and_found_again_just_the_same(root: Path, tmp_path: Path, decoded: list[str]) -> None:
    (root / "a" / "notes.txt").touch()
    Image.fromarray(np.arange(120, dtype=np.uint16).reshape(12, 10) * 40).save(root / "a" / "deep.png")
    Image.new("LA", (10, 12), (9, 128)).save(root / "b" / "clear.png")
    (root / "b" / "bad.png").write_bytes(b"no image")
    plain = load_dataset(root, skip_corrupt=True)
    decoded.clear()
    first = load_dataset(root, skip_corrupt=True, cache=tmp_path / "cache")
    assert len(decoded) == 22
    second = load_dataset(root, skip_corrupt=True, cache=tmp_path / "cache")
    assert len(decoded) == 22
    _same(first, plain)
    _same(second, plain)
    assert len(second.warnings) == 3
    second.x_train[0] = 0  # its own, not the file's
    _same(load_dataset(root, skip_corrupt=True, cache=tmp_path / "cache"), plain)


def test_names_and_sizes_say_which_file_each_image_is_from(root: Path) -> None:
    dataset = load_dataset(root)
    assert dataset.files is not None
    images = np.concatenate([dataset.x_train, dataset.x_test])
    for name, size, image in zip(dataset.files.names, dataset.files.sizes, images, strict=True):
        np.testing.assert_array_equal(image, read_pixels(root / name, 12, False))
        assert size.tolist() == [10, 12]


@pytest.mark.parametrize("change", ["content", "time", "new", "gone", "name", "class", "suffix"])
def test_any_change_is_seen(root: Path, tmp_path: Path, decoded: list[str], change: str) -> None:
    load_dataset(root, cache=tmp_path / "cache")
    decoded.clear()
    path = root / "a" / "0.png"
    if change == "content":  # of the same size and time
        status = path.stat()
        content = bytearray(path.read_bytes())
        other = Image.open(path).copy()
        other.putpixel((0, 0), 255 - int(other.getpixel((0, 0))))  # type: ignore[arg-type]
        other.save(path)
        path.write_bytes(path.read_bytes()[: len(content)].ljust(len(content), b"\0"))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "time":
        os.utime(path)
    elif change == "new":
        shutil.copy(path, root / "a" / "more.png")
    elif change == "gone":
        path.unlink()
    elif change == "name":
        path.rename(root / "a" / "z.png")
    elif change == "class":
        (root / "a").rename(root / "c")
    elif change == "suffix":
        path.rename(root / "a" / "0.txt")
    expected = load_dataset(root)
    decoded.clear()
    _same(load_dataset(root, cache=tmp_path / "cache"), expected)
    assert len(decoded) == len(expected.x_train) + len(expected.x_test)


def test_files_that_changed_just_now_are_not_kept(
    root: Path, tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_key, "_SETTLED_SECONDS", 60.0)
    load_dataset(root, cache=tmp_path / "cache")
    load_dataset(root, cache=tmp_path / "cache")
    assert len(decoded) == 40


def test_a_folder_that_changes_while_it_is_read_is_not_kept(root: Path, tmp_path: Path, decoded: list[str]) -> None:
    def change(done: int, of: int) -> None:
        os.utime(root / "a" / "0.png")

    load_dataset(root, cache=tmp_path / "cache", on_progress=change)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("file", ["pixels", "labels.npy", "entry.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"x"])
def test_a_damaged_entry_counts_as_not_there(
    root: Path, tmp_path: Path, decoded: list[str], file: str, content: bytes | None
) -> None:
    plain = load_dataset(root, cache=tmp_path / "cache")
    decoded.clear()
    (entry,) = (tmp_path / "cache").iterdir()
    (entry / file).unlink()  # and not written over: the images found before are still read from there
    if content is not None:
        (entry / file).write_bytes(content)
    _same(load_dataset(root, cache=tmp_path / "cache"), plain)
    assert len(decoded) == 20
    _same(load_dataset(root, cache=tmp_path / "cache"), plain)
    assert len(decoded) == 20


def test_the_least_recently_used_make_room(tmp_path: Path) -> None:
    cache = ImageCache(tmp_path / "cache", most_bytes=10_000)
    shape = (1, 50, 60, 1)  # 3,000 bytes and some for the rest
    for number, key in enumerate("abc"):
        with cache.draft(key, shape) as draft:
            assert draft is not None
            draft.pixels[:] = number
            assert draft.keep(np.zeros(1, np.int64), {}) is not None
        os.utime(tmp_path / "cache" / key / "entry.json", (number, number))
    assert cache.find("a") is not None  # used just now
    with cache.draft("d", shape) as draft:
        assert draft is not None
        draft.keep(np.zeros(1, np.int64), {})
    kept = {path.name: sum(file.stat().st_size for file in path.iterdir()) for path in (tmp_path / "cache").iterdir()}
    assert set(kept) == {"a", "c", "d"}
    assert sum(kept.values()) <= 10_000
    with cache.draft("e", (1, 200, 60, 1)) as draft:
        assert draft is None
    entry = cache.find("a")
    assert entry is not None
    assert (entry.pixels == 0).all()


def test_what_a_process_left_when_it_died_is_removed(tmp_path: Path) -> None:
    old, new = tmp_path / ".draft-old", tmp_path / ".draft-new"
    old.mkdir()
    new.mkdir()
    os.utime(old, (time.time() - 2 * 24 * 3600,) * 2)
    with ImageCache(tmp_path).draft("k", (1, 1, 1, 1)):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".draft-new"]


def test_a_place_that_cannot_be_written_to_keeps_nothing_and_harms_nothing(
    root: Path, tmp_path: Path, decoded: list[str]
) -> None:
    (tmp_path / "file").touch()
    _same(load_dataset(root, cache=tmp_path / "file" / "cache"), load_dataset(root))


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_rows_are_moved_in_place(n: int) -> None:
    rng = np.random.default_rng(n)
    pixels = rng.integers(0, 256, (n, 2, 2, 1), dtype=np.uint8)
    for taken in {n, max(1, n // 3)}:
        order = rng.permutation(n)[:taken]
        moved = pixels.copy()
        reorder(moved, order)
        np.testing.assert_array_equal(moved[:taken], pixels[order])
        np.testing.assert_array_equal(np.sort(moved, axis=0), np.sort(pixels, axis=0))


def test_an_entry_that_was_damaged_anywhere_is_read_anew(root: Path, tmp_path: Path, decoded: list[str]) -> None:
    plain = load_dataset(root)
    cache = tmp_path / "cache"
    load_dataset(root, cache=cache)
    for name in ("pixels", "labels.npy", "entry.json"):
        (entry,) = cache.iterdir()
        content = bytearray((entry / name).read_bytes())
        content[-9] ^= 1
        (entry / name).write_bytes(bytes(content))
        decoded.clear()
        _same(load_dataset(root, cache=cache), plain)
        assert decoded, name
    (entry,) = cache.iterdir()
    (entry / "entry.json").write_text("[" * 100_000, encoding="utf-8")
    _same(load_dataset(root, cache=cache), plain)


def _resident_bytes() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's account of memory")
def test_what_is_kept_and_found_again_is_not_held_in_memory(tmp_path: Path) -> None:
    cache, shape = ImageCache(tmp_path), (8_000, 64, 64, 3)  # 98 MB
    before = _resident_bytes()
    with cache.draft("key", shape) as draft:
        assert draft is not None
        draft.pixels[:] = 7
        kept = draft.keep(np.zeros(8_000, np.int64), {})
    assert kept is not None
    assert _resident_bytes() - before < 40_000_000
    found = cache.find("key")
    assert found is not None
    assert _resident_bytes() - before < 40_000_000
    assert (found.pixels[[0, -1]] == 7).all()
