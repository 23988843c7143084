"""Datasets in one `.npz` file: `x_train`, `y_train`, optionally `x_test`, `y_test` and `classes`."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from presage.errors import InvalidDataset
from presage.training.datasets.decoding import Progress
from presage.training.datasets.image_dataset import ImageDataset, checked, refusal
from presage.training.datasets.labels import name_classes, renumber
from presage.training.datasets.pixels import as_uint8, with_channels
from presage.training.datasets.splits import set_aside_test

__all__ = ["load_npz"]

_MOST_BYTES = 16 * 2**30  # unpacked; a small file may claim any size

Array = npt.NDArray[Any]


def load_npz(path: Path, *, skip_corrupt: bool = False, on_progress: Progress | None = None) -> ImageDataset:
    """Read a dataset from a file written by `numpy.savez` or `numpy.savez_compressed`; nothing is ever unpickled.

    Images are (n, h, w) or (n, h, w, c) with c = 1 or 3: uint8, whole numbers in 0 … 255, booleans, or floats in
    [0, 1] or [0, 255]. Labels are (n,) or (n, 1) whole numbers, not negative; the classes are the sorted labels of
    `y_train`, renumbered from 0. `classes` names them: one name per label counted from 0, or one per class. Without
    `x_test` and `y_test`, a fifth is set aside by a fixed seed.

    Args:
        path: the file.
        skip_corrupt, on_progress: nothing to skip or wait for: images are not decoded one by one.

    Raises:
        InvalidDataset: the file, an array or a value breaks one of these rules; the line names which.
    """
    arrays = _read(path)
    test_given = "x_test" in arrays
    parts = ("train", "test") if test_given else ("train",)
    images = {part: with_channels(arrays[f"x_{part}"], f"x_{part}", path) for part in parts}
    labels = {part: _labels(arrays[f"y_{part}"], f"y_{part}", path) for part in parts}
    for part in parts:
        if len(images[part]) != len(labels[part]):
            rule = f"have one label for each of the {len(images[part])} images of `x_{part}`"
            raise refusal(f"y_{part}", path, rule, len(labels[part]))
        if not images[part].size:
            rule = "hold at least one image of at least one pixel"
            raise refusal(f"x_{part}", path, rule, f"shape {arrays[f'x_{part}'].shape}")
    pixels = as_uint8({f"x_{part}": images[part] for part in parts}, path)

    y_train, y_test, found = renumber(labels["train"], labels.get("test"), path)
    classes, warnings = name_classes(_names(arrays.get("classes"), path), found, path)
    x_train = pixels["x_train"]
    if test_given:
        x_test = pixels["x_test"]
    else:
        train, test = set_aside_test(y_train)
        x_train, x_test, y_train, y_test = x_train[train], x_train[test], y_train[train], y_train[test]
    return checked(path, path.stem, x_train, y_train, x_test, y_test, classes, test_given, warnings)


def _read(path: Path) -> dict[str, Array]:
    """The arrays of the file that matter, by name; headers are all checked before any array is read."""
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                file.seek(0)
                cut = file.read(4) == b"PK\x03\x04"
                got = "one that was cut short" if cut else "something else"
                raise refusal("content", path, "be a whole .npz archive (numpy.savez)", got)
            with zipfile.ZipFile(file) as archive:
                return _read_archive(archive, path)
    except InvalidDataset:
        raise
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise refusal("content", path, "be readable", f"{type(error).__name__}: {error}") from None
    except MemoryError:
        raise refusal("arrays", path, "fit into memory", "more") from None


def _read_archive(archive: zipfile.ZipFile, path: Path) -> dict[str, Array]:
    entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
    needed = ["x_train", "y_train"]
    if "x_test" in entries or "y_test" in entries:
        needed += ["x_test", "y_test"]
    for key in needed:
        if key not in entries:
            rule = f"include `{key}`"
            raise refusal("keys", path, rule, ", ".join(sorted(entries)[:12]) or "none")
    if "classes" in entries:
        needed.append("classes")
    total = 0
    for key in needed:
        with archive.open(entries[key]) as member:
            shape, dtype = _header(member, key, path)
        if dtype.hasobject:
            raise refusal(key, path, "hold plain numbers; objects are never unpickled", "an object array")
        total += int(np.prod(shape, dtype=object)) * dtype.itemsize
    if total > _MOST_BYTES:
        rule = f"unpack to at most {_MOST_BYTES:,} bytes"
        raise refusal("arrays", path, rule, f"{total:,}")
    arrays = {}
    for key in needed:
        with archive.open(entries[key]) as member:
            arrays[key] = np.lib.format.read_array(member, allow_pickle=False)
    return arrays


def _header(member: IO[bytes], key: str, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(member)
    else:
        raise refusal(key, path, "be of .npy format 1.0 or 2.0", version)
    return shape, dtype


def _labels(labels: Array, key: str, path: Path) -> npt.NDArray[np.int64]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        hint = "Turn one-hot labels into numbers with `y.argmax(1)`." if labels.ndim == 2 else ""
        raise refusal(key, path, "have shape (n,)", labels.shape, hint)
    if labels.dtype.kind not in "biuf":
        raise refusal(key, path, "hold whole numbers", f"type {labels.dtype}")
    if labels.dtype.kind == "f":
        labels = labels.astype(np.float64)
        _no_row(~np.isfinite(labels), labels, key, path, "hold no NaN or infinity")
        _no_row(labels != np.floor(labels), labels, key, path, "hold whole numbers")
    if labels.dtype.kind in "if":
        _no_row(labels < 0, labels, key, path, "hold no negative label")
    if labels.dtype.kind in "uf":
        _no_row(labels >= 2**63, labels, key, path, "hold labels below 2^63")
    return labels.astype(np.int64)


def _no_row(bad: npt.NDArray[np.bool_], values: Array, key: str, path: Path, rule: str) -> None:
    if bad.any():
        row = int(bad.argmax())
        raise refusal(key, path, rule, f"{values[row].item()!r} in row {row}")


def _names(names: Array | None, path: Path) -> list[str] | None:
    if names is None:
        return None
    if names.ndim != 1 or names.dtype.kind not in "USiu":
        raise refusal("classes", path, "be a vector of names", f"shape {names.shape} of {names.dtype}")
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.tolist()]
