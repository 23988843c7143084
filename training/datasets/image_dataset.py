"""The record that every source of images is turned into, and the rules that hold for all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presage.errors import InvalidDataset
from presage.training.datasets.fingerprint import fingerprint
from presage.training.datasets.left_out import LeftOut, told
from presage.training.datasets.refusing import refusal
from presage.training.datasets.value_range import Depth

__all__ = ["FEWEST_CLASSES", "MOST_CLASSES", "ImageDataset", "ImageFiles", "checked", "refusal"]

FEWEST_CLASSES = 2
MOST_CLASSES = 1_000
_CHANNELS = (1, 3)


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """The files of a dataset's images: those of `x_train`, then those of `x_test`.

    Attributes:
        root: the folder.
        names: paths below it.
        sizes: (n, 2) int64, width and height in pixels as the files say, upright or not.
    """

    root: Path
    names: tuple[str, ...]
    sizes: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Labelled images, split into training and test, checked.

    Arrays are made contiguous and labels int64; nothing writes to them afterwards.

    Attributes:
        name: what the user called it; no part of its identity.
        x_train: training images, (n, h, w, c) uint8, c = 1 (grey) or 3 (red, green, blue).
        y_train: their labels, (n,) int64, each of 0 … k-1 at least once.
        x_test: test images, (n, h, w, c) uint8. Looked at once, at the very end.
        y_test: their labels, (n,) int64 in 0 … k-1.
        classes: the names of the k classes, 2 to 1,000.
        test_given: whether the source had a test set of its own; else it was set aside here by a fixed seed.
        warnings: what was left out, skipped, merged or guessed while reading, one line each; to be shown to the user.
        left_out: what the source holds that was not taken, by kind; one of the `warnings` counts and names all of it.
        files: where each image came from; None where the source is no folder of files.
        depth: how values of more than 8 bits, or floats, became 0 … 255; None where there were none.
        validation: the rows of `x_train`, ascending, that the source gives as validation images: networks are scored on
            these, and trained on the others. None where it gives none: then each recipe draws its own.

    Raises:
        InvalidDataset: shapes, labels or classes that break these rules; a class of fewer than 2 images.
    """

    name: str
    x_train: npt.NDArray[np.uint8]
    y_train: npt.NDArray[np.int64]
    x_test: npt.NDArray[np.uint8]
    y_test: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    test_given: bool = True
    warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    depth: Depth | None = None
    files: ImageFiles | None = None
    validation: npt.NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        k = len(self.classes)
        if not FEWEST_CLASSES <= k <= MOST_CLASSES:
            raise refusal("classes", self.name, f"number {FEWEST_CLASSES} to {MOST_CLASSES:,}", k)
        for images, labels in (("x_train", "y_train"), ("x_test", "y_test")):
            _check_images(self.name, images, getattr(self, images))
            _check_labels(self.name, labels, getattr(self, labels), images, len(getattr(self, images)))
            object.__setattr__(self, images, np.ascontiguousarray(getattr(self, images)))
            object.__setattr__(self, labels, np.ascontiguousarray(getattr(self, labels), dtype=np.int64))
        object.__setattr__(self, "classes", tuple(_utf8(name) for name in self.classes))
        if self.x_train.shape[1:] != self.x_test.shape[1:]:
            train, test = self.x_train.shape[1:], self.x_test.shape[1:]
            raise refusal("x_test", self.name, f"have images of the shape of `x_train`, {train}", test)
        _check_some(self.name, "x_train", self.x_train)
        self._check_classes()
        _check_some(self.name, "x_test", self.x_test)

    def _check_classes(self) -> None:
        k = len(self.classes)
        for labels, values in (("y_train", self.y_train), ("y_test", self.y_test)):
            outside = (values < 0) | (values >= k)
            if outside.any():
                raise refusal(labels, self.name, f"lie in 0 … {k - 1}", int(values[outside][0]))
        if self.validation is not None:
            _check_validation(self.name, self.validation, len(self.y_train))
            trained = np.bincount(np.delete(self.y_train, self.validation), minlength=k)
            if not trained.all():
                rule = "leave an image of each class to train on"
                raise refusal("validation", self.name, rule, f"none of {self._class(trained.argmin())}")
        train = np.bincount(self.y_train, minlength=k)
        if not train.all():
            raise refusal("y_train", self.name, "hold every class", f"no image of {self._class(train.argmin())}")
        both = train + np.bincount(self.y_test, minlength=k)
        if both.min() < 2:
            few = f"{both.min()} of {self._class(both.argmin())}"
            raise refusal("classes", self.name, "have at least 2 images each", few)

    def _class(self, label: int | np.integer) -> str:
        return f"class {self.classes[int(label)]!r}"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over content (`presage.training.datasets.fingerprint`), computed once per object."""
        return fingerprint(self.x_train, self.y_train, self.x_test, self.y_test, self.validation)

    def without_validation(self) -> ImageDataset:
        """The same images, of which each recipe draws its own to validate on: as presage before knew any dataset."""
        return replace(self, validation=None)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(c, h, w) of one image."""
        _, h, w, c = self.x_train.shape
        return int(c), int(h), int(w)

    def __repr__(self) -> str:
        c, h, w = self.shape
        images = f"{len(self.x_train)} + {len(self.x_test)} images of {h}x{w}x{c}"
        return f"ImageDataset({self.name!r}, {images}, {len(self.classes)} classes)"


def checked(
    path: Path,
    name: str,
    x_train: npt.NDArray[np.uint8],
    y_train: npt.NDArray[np.int64],
    x_test: npt.NDArray[np.uint8],
    y_test: npt.NDArray[np.int64],
    classes: tuple[str, ...],
    test_given: bool,
    warnings: tuple[str, ...],
    left_out: tuple[LeftOut, ...] = (),
    depth: Depth | None = None,
    files: ImageFiles | None = None,
    validation: npt.NDArray[np.int64] | None = None,
) -> ImageDataset:
    """An `ImageDataset` called `name`, whose errors name the `path` it was read from; what was left out is told."""
    said = (*told(path, left_out), *warnings)
    try:
        return ImageDataset(
            name, x_train, y_train, x_test, y_test, classes, test_given, said, left_out, depth, files, validation
        )
    except InvalidDataset as error:
        raise InvalidDataset(str(error).replace(f"`{name}`", f"`{path}`", 1)) from None


def _utf8(name: str) -> str:
    """A name that any file can hold: file systems allow bytes that are no text, 0xE9 as `\\udce9` here."""
    return str(name).encode("utf-8", "backslashreplace").decode("utf-8")


def _check_images(owner: str, argument: str, images: npt.NDArray[np.uint8]) -> None:
    if images.ndim != 4 or images.shape[3] not in _CHANNELS:
        raise refusal(argument, owner, "have shape (n, h, w, c) with c = 1 or 3", images.shape)
    if images.dtype != np.uint8:
        raise refusal(argument, owner, "be uint8", str(images.dtype))


def _check_some(owner: str, argument: str, images: npt.NDArray[np.uint8]) -> None:
    if not images.size:
        raise refusal(argument, owner, "hold at least one image of at least one pixel", f"shape {images.shape}")


def _check_validation(owner: str, rows: npt.NDArray[np.int64], n: int) -> None:
    if rows.ndim != 1 or not len(rows) or not np.issubdtype(rows.dtype, np.integer) or (np.diff(rows) <= 0).any():
        raise refusal("validation", owner, "be rows of `x_train`, ascending", f"shape {rows.shape} of {rows.dtype}")
    if rows[0] < 0 or rows[-1] >= n:
        raise refusal("validation", owner, f"be rows of `x_train`, 0 … {n - 1}", f"{rows[0]} … {rows[-1]}")


def _check_labels(owner: str, argument: str, labels: npt.NDArray[np.int64], images: str, n: int) -> None:
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise refusal(argument, owner, "be a vector of whole numbers", f"shape {labels.shape} of {labels.dtype}")
    if len(labels) != n:
        raise refusal(argument, owner, f"have one label for each of the {n} images of `{images}`", len(labels))
