"""Image files of more than 8 bits: what holds the same pictures gives the same pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from presage.errors import InvalidDataset
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.left_out import LeftOut
from presage.training.datasets.loading import load_dataset

Save = Callable[[np.ndarray, Path], None]


def _pictures(channels: int = 1) -> np.ndarray:
    """(12, 16, 16) or (12, 16, 16, c) whole numbers of 0 to 255, both of which occur."""
    x = np.random.default_rng(0).integers(0, 256, (12, 16, 16, channels))
    x[:, 0, :2] = [[0] * channels, [255] * channels]
    return x[..., 0] if channels == 1 else x


def _folder(root: Path, pictures: np.ndarray, save: Save, suffix: str) -> Path:
    for i, picture in enumerate(pictures):
        path = root / "ab"[i % 2] / f"{i}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        save(picture, path)
    return root


def _plain(tmp_path: Path, channels: int = 1) -> ImageDataset:
    def save(x: np.ndarray, path: Path) -> None:
        Image.fromarray(x.astype(np.uint8)).save(path)

    return load_dataset(_folder(tmp_path / "plain", _pictures(channels), save, ".png"))


def _array(dtype: str, change: Callable[[np.ndarray], np.ndarray]) -> Save:
    return lambda x, path: Image.fromarray(change(x).astype(dtype)).save(path)


@pytest.mark.parametrize(
    ("save", "suffix"),
    [
        (_array("u2", lambda x: x), ".png"),
        (_array("u2", lambda x: x * 4), ".png"),
        (_array("u2", lambda x: x * 16), ".png"),
        (_array("u2", lambda x: np.rint(x * 4095 / 255)), ".png"),
        (_array("u2", lambda x: x * 64), ".tif"),
        (_array("u2", lambda x: x * 257), ".png"),
        (_array("i4", lambda x: x * 2**22), ".tif"),
        (_array("i4", lambda x: x), ".tif"),
        (_array("f4", lambda x: x / 255), ".tif"),
        (_array("f4", lambda x: x), ".tif"),
        (_array("f4", lambda x: x / 127.5 - 1), ".tif"),
        (_array("f4", lambda x: x * 257), ".tif"),
        (_array("u2", lambda x: x * 4 + 40_000), ".png"),
    ],
)
def test_grey_values_are_scaled_by_what_they_hold(tmp_path: Path, save: Save, suffix: str) -> None:
    deep = load_dataset(_folder(tmp_path / "deep", _pictures(), save, suffix))
    np.testing.assert_array_equal(deep.x_train, _plain(tmp_path).x_train)
    assert "Scaled 12 images of more than 8 bits" in deep.warnings[0]


def _png(x: np.ndarray, path: Path) -> None:
    """A PNG of 16 bits a colour, which Pillow does not write: (h, w, c), c = 2 (grey, alpha), 3 or 4."""
    h, w, c = x.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in x)
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", w, h, 16, {2: 4, 3: 2, 4: 6}[c], 0, 0, 0)),
              (b"IDAT", zlib.compress(rows)), (b"IEND", b""))  # fmt: skip
    packed = (struct.pack(">I", len(b)) + a + b + struct.pack(">I", zlib.crc32(a + b)) for a, b in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def _tif(x: np.ndarray, path: Path) -> None:
    """An uncompressed TIFF of 16 bits a colour, little-endian: (h, w, 3)."""
    h, w, _ = x.shape
    data = x.astype("<u2").tobytes()
    after = 8 + len(data)
    tags = [(256, 3, 1, w), (257, 3, 1, h), (258, 3, 3, after), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 8),
            (277, 3, 1, 3), (278, 3, 1, h), (279, 4, 1, len(data))]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    header = struct.pack("<2sHI", b"II", 42, after + 6)
    path.write_bytes(header + data + struct.pack("<3H", 16, 16, 16) + struct.pack("<H", 9) + entries + bytes(4))


@pytest.mark.parametrize("write", [_png, _tif])
@pytest.mark.parametrize("factor", [1, 16, 257])
def test_sixteen_bits_a_colour_are_scaled_by_what_they_hold(tmp_path: Path, write: Save, factor: int) -> None:
    suffix = ".png" if write is _png else ".tif"
    deep = load_dataset(_folder(tmp_path / "deep", _pictures(3) * factor, write, suffix))
    np.testing.assert_array_equal(deep.x_train, _plain(tmp_path, 3).x_train)


def test_transparency_of_sixteen_bits_stays_apart_from_the_colours(tmp_path: Path) -> None:
    x = np.concatenate([_pictures(3) * 16, np.full((12, 16, 16, 1), 65535)], axis=3)
    x[0, :, :, 3] = 0
    deep = load_dataset(_folder(tmp_path / "deep", x, _png, ".png"))
    plain = _plain(tmp_path, 3)
    together = np.concatenate([deep.x_train, deep.x_test])
    expected = np.concatenate([plain.x_train, plain.x_test])
    same = (together == expected).all(axis=(1, 2, 3))
    assert same.sum() == 11
    assert (together[~same] == 255).all()
    assert deep.left_out == (LeftOut("transparency", ("a/0.png",)),)


def test_grey_of_sixteen_bits_with_transparency_is_named_as_cut(tmp_path: Path) -> None:
    x = np.stack([_pictures() * 257, np.full((12, 16, 16), 65535)], axis=3)
    deep = load_dataset(_folder(tmp_path / "deep", x, _png, ".png"))
    np.testing.assert_array_equal(deep.x_train, _plain(tmp_path).x_train.repeat(3, axis=3))  # Pillow makes it colours
    assert [(item.kind, len(item.names)) for item in deep.left_out] == [("lower bits", 12)]


def test_one_scale_serves_all_images_and_eight_bits_stay_apart(tmp_path: Path) -> None:
    x = _pictures()
    x[1] //= 2  # a dark image stays dark

    def save(picture: np.ndarray, path: Path) -> None:
        even = int(path.stem) % 2 == 0
        Image.fromarray(picture.astype(np.uint8) if even else (picture * 16).astype(np.uint16)).save(path)

    deep = load_dataset(_folder(tmp_path / "deep", x, save, ".png"))
    plain = load_dataset(_folder(tmp_path / "p", x, _array("u1", lambda x: x), ".png"))
    np.testing.assert_array_equal(deep.x_train, plain.x_train)


@pytest.mark.parametrize(
    ("save", "line"),
    [
        (
            _array("f4", lambda x: x * 3.7 + 0.1),
            r"hold values in \[0, 1\], \[-1, 1\] or \[0, 255\], or be whole numbers",
        ),
        (_array("f4", lambda x: x - 4.5), r"hold values in .* Got -4\.5 to 250\.5"),
        (_array("f4", lambda x: np.where(x == 255, np.nan, x)), "hold no NaN or infinity"),
        (_array("i4", lambda x: x - 1), "hold no negative value. Got -1 to 254"),
    ],
)
def test_other_ranges_are_refused_by_the_name_of_a_file(tmp_path: Path, save: Save, line: str) -> None:
    root = _folder(tmp_path / "deep", _pictures(), save, ".tif")
    with pytest.raises(InvalidDataset, match=line) as caught:
        load_dataset(root)
    assert str(caught.value).startswith("The `a/")
    assert ".tif` of `" in str(caught.value)


def test_large_deep_and_transparent_images_are_the_same_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.concatenate([_pictures(3) * 16, _pictures()[..., None] * 257], axis=3)
    whole = load_dataset(_folder(tmp_path / "deep", x, _png, ".png"))
    monkeypatch.setattr("presage.training.datasets.deep_image.PIXELS_AT_A_TIME", 48)
    monkeypatch.setattr("presage.training.datasets.image_file.PIXELS_AT_A_TIME", 48)
    np.testing.assert_array_equal(load_dataset(tmp_path / "deep").x_train, whole.x_train)
