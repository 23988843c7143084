"""The images and labels of a dataset as a folder of arrays, for machines that cannot read where they came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from presage.files import read_json, replacing_folder, write_json
from presage.training.datasets.image_dataset import ImageDataset

__all__ = ["load_images", "save_images"]

_ARRAYS = ("x_train", "y_train", "x_test", "y_test", "validation")
_TEXT = "dataset.json"


def save_images(dataset: ImageDataset, folder: Path) -> None:
    """Write what a dataset is: not where it came from, nor what was said of it while it was read."""
    with replacing_folder(folder) as made:
        for name in _ARRAYS:
            array = getattr(dataset, name)
            if array is not None:
                np.save(made / f"{name}.npy", array, allow_pickle=False)
        write_json(
            made / _TEXT, {"name": dataset.name, "classes": list(dataset.classes), "test_given": dataset.test_given}
        )


def load_images(folder: Path) -> ImageDataset:
    """What `save_images` wrote, with the fingerprint that it had."""
    text: dict[str, Any] = read_json(folder / _TEXT)
    found = {name: folder / f"{name}.npy" for name in _ARRAYS}
    arrays = {name: np.load(file, mmap_mode="c", allow_pickle=False) for name, file in found.items() if file.exists()}
    return ImageDataset(text["name"], classes=tuple(text["classes"]), test_given=text["test_given"], **arrays)
