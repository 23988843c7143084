"""Datasets in one `.npz` file: `x_train`, `y_train`, optionally `x_test`, `y_test`, `x_val`, `y_val` and `classes`."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from presage.errors import PresageError
from presage.training.datasets.decoding import Progress
from presage.training.datasets.image_dataset import ImageDataset, checked, refusal
from presage.training.datasets.labels import name_classes, numbered, renumber, text_of
from presage.training.datasets.left_out import LeftOut, counted
from presage.training.datasets.pixels import as_uint8, depth_of, with_channels
from presage.training.datasets.proportions import squashed
from presage.training.datasets.splits import set_aside_test
from presage.training.free_memory import free_memory

__all__ = ["load_npz"]

VALIDATION = ("val", "valid", "validation")
_MOST_BYTES = 16 * 2**30  # unpacked; a small file may claim any size
_MOST_SHARE = 0.5  # of the memory that is free

Array = npt.NDArray[Any]


def load_npz(
    path: Path,
    *,
    skip_corrupt: bool = False,
    on_progress: Progress | None = None,
    cache: Path | None = None,
) -> ImageDataset:
    """Read a dataset from a file written by `numpy.savez` or `numpy.savez_compressed`; nothing is ever unpickled.

    Images are (n, h, w) or (n, h, w, c) with c = 1 or 3: uint8, booleans, other whole numbers, or floats, which are
    scaled by what they hold (`presage.training.datasets.value_range`). Labels are (n,) or (n, 1): whole numbers, not
    negative, or text. The classes are the sorted labels of `y_train`, renumbered from 0. `classes` names them: one name
    per label counted from 0, or one per class; labels that are text must be among these names. `x_val` and `y_val`
    (`x_valid`, `x_validation`) are what networks are validated on; without `x_test` and `y_test` they are the test set.
    Without a test set, a fifth is set aside by a fixed seed. Other arrays are left out, and named in the dataset's
    `left_out` and `warnings`.

    Args:
        path: the file.
        skip_corrupt, on_progress, cache: nothing to skip, wait for or keep: images are not decoded one by one.

    Raises:
        InvalidDataset: the file, an array or a value breaks one of these rules; the line names which.
    """
    arrays, others = _read(path)
    parts = [part for part in ("train", *VALIDATION, "test") if f"x_{part}" in arrays]
    images = {part: with_channels(arrays[f"x_{part}"], f"x_{part}", path) for part in parts}
    labels, names = _labels({part: arrays[f"y_{part}"] for part in parts}, arrays.get("classes"), path)
    for part in parts:
        if len(images[part]) != len(labels[part]):
            rule = f"have one label for each of the {len(images[part])} images of `x_{part}`"
            raise refusal(f"y_{part}", path, rule, len(labels[part]))
        if not images[part].size:
            rule = "hold at least one image of at least one pixel"
            raise refusal(f"x_{part}", path, rule, f"shape {arrays[f'x_{part}'].shape}")
        if images[part].shape[1:] != images["train"].shape[1:]:
            rule = f"have images of the shape of `x_train`, {images['train'].shape[1:]}"
            raise refusal(f"x_{part}", path, rule, images[part].shape[1:])
    given = {f"x_{part}": images[part] for part in parts}
    depth = depth_of(given, path)
    pixels = as_uint8(given, path, depth)

    notes = [f"Scaled the values of `{path}` as {depth}."] if depth is not None and depth.is_unusual else []
    names_of = [f"x_{part}[{row}]" for part in parts for row in range(len(images[part]))]
    height, width = images["train"].shape[1:3]
    notes += squashed(np.full((len(names_of), 2), (width, height)), names_of, path)
    train_parts, test_part, validation = parts[:1], parts[-1] if len(parts) > 1 else None, None
    if test_part in VALIDATION:
        notes.append(f"Took `x_{test_part}` of `{path}` as the test set, as there is no `x_test`.")
    elif len(parts) == 3:
        train_parts = parts[:2]
        validation = len(labels["train"]) + np.arange(len(labels[parts[1]]))
        notes.append(f"Networks are validated on `x_{parts[1]}` of `{path}`, {counted(len(validation))}.")
    x_train = _joined([pixels[f"x_{part}"] for part in train_parts])
    y_of_train, y_of_test = _joined([labels[part] for part in train_parts]), labels.get(test_part or "")
    if validation is not None:  # has no class that `y_train` lacks, either
        renumber(labels["train"], labels[parts[1]], path, f"y_{parts[1]}")
    y_train, y_test, found = renumber(y_of_train, y_of_test, path, f"y_{test_part}")
    classes, said = name_classes(names, found, path)
    if test_part is not None:
        x_test = pixels[f"x_{test_part}"]
    else:
        train, test = set_aside_test(y_train)
        x_train, x_test, y_train, y_test = x_train[train], x_train[test], y_train[train], y_train[test]
    left_out = (LeftOut("array", others),) if others else ()
    return checked(
        path, path.stem, x_train, y_train, x_test, y_test, classes, test_part is not None,
        (*notes, *said), left_out, depth, validation=validation,
    )  # fmt: skip


def _joined(arrays: list[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _read(path: Path) -> tuple[dict[str, Array], tuple[str, ...]]:
    """(arrays that matter, by name; names of the others). Headers are all checked before any array is read."""
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                file.seek(0)
                cut = file.read(4) == b"PK\x03\x04"
                got = "one that was cut short" if cut else "something else"
                raise refusal("content", path, "be a whole .npz archive (numpy.savez)", got)
            with zipfile.ZipFile(file) as archive:
                return _read_archive(archive, path)
    except PresageError:
        raise
    except MemoryError:
        raise refusal("arrays", path, "fit into memory", "more") from None
    except Exception as error:  # zipfile, its decompressors and numpy's parser of headers raise nearly anything
        raise refusal("content", path, "be readable", f"{type(error).__name__}: {error}") from None


def _read_archive(archive: zipfile.ZipFile, path: Path) -> tuple[dict[str, Array], tuple[str, ...]]:
    entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
    needed = ["x_train", "y_train"]
    if "x_test" in entries or "y_test" in entries:
        needed += ["x_test", "y_test"]
    validation = [part for part in VALIDATION if f"x_{part}" in entries and f"y_{part}" in entries]
    needed += [f"{axis}_{part}" for part in validation[:1] for axis in "xy"]
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
            rule = f"hold plain {'names' if key == 'classes' else 'numbers'}; objects are never unpickled"
            raise refusal(key, path, rule, "an object array", _hint_for_objects(key))
        total += int(np.prod(shape, dtype=object)) * dtype.itemsize
    if total > (most := min(_MOST_BYTES, int(_MOST_SHARE * free_memory()))):
        rule = f"unpack to at most {most:,} bytes, half of the memory that is free"
        raise refusal("arrays", path, rule, f"{total:,}")
    arrays = {}
    for key in needed:
        with archive.open(entries[key]) as member:
            arrays[key] = np.lib.format.read_array(member, allow_pickle=False)
    return arrays, tuple(name for name in entries if name not in arrays)


def _hint_for_objects(key: str) -> str:
    if key.startswith("x_"):
        return "Save images of one size as one array: `numpy.stack(images)`."
    return "Save names as text: `numpy.array(names, dtype=str)`."


def _header(member: IO[bytes], key: str, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(member)
    else:
        raise refusal(key, path, "be of .npy format 1.0 or 2.0", version)
    return shape, dtype


def _labels(
    labels: dict[str, Array], classes: Array | None, path: Path
) -> tuple[dict[str, npt.NDArray[np.int64]], list[str] | None]:
    """(labels as numbers by part, names by number or None)."""
    names = _names(classes, path)
    flat = {f"y_{part}": _vector(array, f"y_{part}", path) for part, array in labels.items()}
    if flat["y_train"].dtype.kind in "US":
        numbers, names = numbered(flat, names, path)
    else:
        numbers = {key: _whole_numbers(array, key, path) for key, array in flat.items()}
    return {key.removeprefix("y_"): array for key, array in numbers.items()}, names


def _vector(labels: Array, key: str, path: Path) -> Array:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        hint = "Turn one-hot labels into numbers with `y.argmax(1)`." if labels.ndim == 2 else ""
        raise refusal(key, path, "have shape (n,)", labels.shape, hint)
    return labels


def _whole_numbers(labels: Array, key: str, path: Path) -> npt.NDArray[np.int64]:
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
    return [text_of(name) for name in names.tolist()]
