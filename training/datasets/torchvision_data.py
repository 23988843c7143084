"""Datasets that torchvision knows and that are on disk already: `torchvision:NAME`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from presage.errors import InvalidDataset, UnknownName
from presage.training.datasets.decoding import Corrupt, Progress, common_side, decode_all
from presage.training.datasets.image_dataset import ImageDataset, refusal
from presage.training.datasets.image_file import is_colour, to_pixels
from presage.training.datasets.labels import name_classes, renumber
from presage.training.datasets.left_out import counted
from presage.training.datasets.splits import set_aside_test

__all__ = ["KNOWN", "ROOT_VARIABLE", "load_torchvision"]

ROOT_VARIABLE = "PRESAGE_TORCHVISION_ROOT"
"""Environment variable: the folder given to torchvision as `root`; by default `./data`."""

_LOOKED_AT = 64  # images that tell the size and whether there is colour

Options = Mapping[str, Any]
_BY_FLAG: tuple[list[Options], Options | None] = ([{"train": True}], {"train": False})
_BY_NAME: tuple[list[Options], Options | None] = ([{"split": "train"}], {"split": "test"})
_WITH_VALIDATION: tuple[list[Options], Options | None] = (
    [{"split": "train"}, {"split": "val"}],
    {"split": "test"},
)
_TRAINVAL: tuple[list[Options], Options | None] = ([{"split": "trainval"}], {"split": "test"})
_WHOLE: tuple[list[Options], Options | None] = ([{}], None)

KNOWN: Mapping[str, tuple[list[Options], Options | None]] = {
    "CIFAR10": _BY_FLAG,
    "CIFAR100": _BY_FLAG,
    "Caltech101": _WHOLE,
    "Caltech256": _WHOLE,
    "Country211": ([{"split": "train"}, {"split": "valid"}], {"split": "test"}),
    "DTD": _WITH_VALIDATION,
    "EMNIST": ([{"split": "balanced", "train": True}], {"split": "balanced", "train": False}),
    "EuroSAT": _WHOLE,
    "FGVCAircraft": _TRAINVAL,
    "FashionMNIST": _BY_FLAG,
    "Flowers102": _WITH_VALIDATION,
    "Food101": _BY_NAME,
    "GTSRB": _BY_NAME,
    "Imagenette": ([{"split": "train"}], {"split": "val"}),
    "KMNIST": _BY_FLAG,
    "MNIST": _BY_FLAG,
    "OxfordIIITPet": _TRAINVAL,
    "QMNIST": _BY_FLAG,
    "RenderedSST2": _WITH_VALIDATION,
    "SEMEION": _WHOLE,
    "STL10": _BY_NAME,
    "SVHN": _BY_NAME,
    "StanfordCars": _BY_NAME,
    "USPS": _BY_FLAG,
}
"""Name → (options of the part to train on, and of that to validate on; options of the test part or None)."""


def load_torchvision(
    name: str,
    *,
    root: Path | None = None,
    skip_corrupt: bool = False,
    on_progress: Progress | None = None,
    cache: Path | None = None,
) -> ImageDataset:
    """Read a torchvision dataset from disk; nothing is ever downloaded.

    Images become squares of one side, at most 64. torchvision's own validation images, where it has a test set too, are
    what networks are validated on. Without a test set, a fifth is set aside by a fixed seed.

    Args:
        name: one of `KNOWN`, capitals as in torchvision or not.
        root: the folder that holds it; by default from `PRESAGE_TORCHVISION_ROOT`, else `./data`.
        skip_corrupt: go on without images that cannot be read; each is named in the dataset's `warnings`.
        on_progress: called with (images done, images in all), once for each part.
        cache: nothing is kept.

    Raises:
        UnknownName: no such dataset.
        InvalidDataset: it is not on disk, is damaged, or is no set of labelled images.
    """
    exact = {known.lower(): known for known in KNOWN}.get(name.lower())
    if exact is None:
        raise UnknownName("torchvision dataset", name, KNOWN)
    root = root or Path(os.environ.get(ROOT_VARIABLE) or "data")
    train_options, test_options = KNOWN[exact]
    spec = f"torchvision:{exact}"
    parts = [_open(exact, root, options) for options in train_options]
    test_part = _open(exact, root, test_options) if test_options is not None else None

    corrupt = Corrupt(spec, skip=skip_corrupt)
    side, colour = _look(parts[0], spec)
    read = [_pixels(part, side, colour, spec, corrupt, on_progress) for part in parts]
    x = np.concatenate([pixels for pixels, _ in read])
    labels = np.concatenate([of_part for _, of_part in read])
    validation = np.arange(len(read[0][1]), len(labels)) if len(read) > 1 else None
    if test_part is not None:
        x_test, test_labels = _pixels(test_part, side, colour, spec, corrupt, on_progress)
        y, y_test, found = renumber(labels, test_labels, spec)
    else:
        y, _, found = renumber(labels, None, spec)
        train, test = set_aside_test(y)
        x, y, x_test, y_test = x[train], y[train], x[test], y[test]
    classes, notes = name_classes(_class_names(parts[0]), found, spec)
    if validation is not None:
        notes = (*notes, f"Networks are validated on the {counted(len(validation))} that `{spec}` has for it.")
    return ImageDataset(
        spec, x, y, x_test, y_test, classes, test_part is not None, (*notes, *corrupt.warnings), validation=validation
    )


def _open(name: str, root: Path, options: Options) -> Any:
    try:
        from torchvision import datasets
    except ImportError:
        line = f"The dataset `torchvision:{name}` needs torchvision. Type `pip install torchvision`."
        raise InvalidDataset(line) from None
    try:
        return getattr(datasets, name)(root=str(root), download=False, **options)
    except Exception as error:  # torchvision checks little, and fails in as many ways as there are formats
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        hint = f"presage never downloads: fetch it with torchvision, or set {ROOT_VARIABLE} to where it is."
        raise refusal("files", f"torchvision:{name}", f"be on disk, whole, under `{root}`", reason, hint) from None


def _look(part: Any, spec: str) -> tuple[int, bool]:
    """(side in pixels, whether in colour), from images spread over the part."""
    if not len(part):
        raise refusal("images", spec, "include one", "none")
    sides, colours = [], []
    for row in np.unique(np.linspace(0, len(part) - 1, _LOOKED_AT).astype(int)):
        try:
            image, _ = part[int(row)]
            sides.append(max(image.size))
            colours.append(is_colour(image))
        except Exception:  # named when its turn comes
            continue
    if not sides:
        raise refusal("images", spec, "be readable", f"none of {_LOOKED_AT} that were tried")
    return common_side(sides), any(colours)


def _pixels(
    part: Any, side: int, colour: bool, spec: str, corrupt: Corrupt, on_progress: Progress | None
) -> tuple[Any, Any]:
    """(pixels (n, side, side, c) uint8, labels (n,) int64)."""
    labels = np.zeros(len(part), dtype=np.int64)

    def read(row: int) -> Any:
        image, label = part[row]
        labels[row] = int(label)
        return to_pixels(image, side, colour)

    shape = (len(part), side, side, 3 if colour else 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # one thread: torchvision promises nothing about several
        pixels, kept = decode_all(read, lambda row: f"image {row}", shape, corrupt, on_progress, workers=1)
    labels = labels[kept]
    if (labels < 0).any():
        raise refusal("labels", spec, "not be negative", int(labels.min()))
    return pixels, labels


def _class_names(part: Any) -> list[str] | None:
    names = getattr(part, "classes", None) or getattr(part, "categories", None)
    if not isinstance(names, list | tuple):
        return None
    return [name[0] if isinstance(name, tuple) else str(name) for name in names]
