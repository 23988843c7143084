"""Datasets in a folder: one folder of images for each class, or such folders under `train` and `test`."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presage.training.datasets.decoding import Corrupt, Progress, common_side, decode_all
from presage.training.datasets.folder_layout import find_layout
from presage.training.datasets.image_dataset import ImageDataset, checked, refusal
from presage.training.datasets.image_file import read_header, read_pixels
from presage.training.datasets.splits import set_aside_test, stratified_order

__all__ = ["load_folder"]

_MOST_BYTES = 2 * 2**30  # of pixels; of more images, a stratified sample is taken


def load_folder(root: Path, *, skip_corrupt: bool = False, on_progress: Progress | None = None) -> ImageDataset:
    """Read images of any size and kind from class folders, sorted by name.

    `root` holds the class folders, or `train` (or `training`) and `test` (or `testing`) that do. A third, `val`
    (`valid`, `validation`), joins the training images, as presage draws its own validation images; without `test`
    it is the test set. Without a test set, a fifth is set aside by a fixed seed. Images may lie in deeper folders;
    hidden files and files that are no images are passed over; links are followed, but never in a circle.

    All images become squares of one side: the median of their longer sides, at most 64. They stay grey if all are.

    Args:
        root: the folder.
        skip_corrupt: go on without images that cannot be read; each is named in the dataset's `warnings`.
        on_progress: called with (images decoded, images in all).

    Raises:
        InvalidDataset: no class folders or too many, a class of fewer than two images, a test class that is not
            trained on, or an image that cannot be read (or has more than 67 million pixels).
    """
    layout = find_layout(root)
    notes = list(layout.warnings)
    files = [path for path, _ in layout.train + layout.test]
    labels = np.array([label for _, label in layout.train + layout.test], dtype=np.int64)
    is_test = np.arange(len(files)) >= len(layout.train)

    corrupt = Corrupt(root, skip=skip_corrupt)
    readable, side, channels = _survey(files, root, corrupt)
    strata = labels + len(layout.classes) * is_test
    rows = _sample(readable, strata, _MOST_BYTES // (side * side * channels))
    if len(rows) < len(readable):
        notes.append(f"Took a stratified sample of {len(rows):,} of the {len(readable):,} images of `{root}`.")
    pixels, kept = decode_all(
        lambda i: read_pixels(files[rows[i]], side, channels == 3),
        lambda i: str(files[rows[i]].relative_to(root)),
        (len(rows), side, side, channels),
        corrupt,
        on_progress,
    )
    y, is_test = labels[rows][kept], is_test[rows][kept]
    test_given = bool(layout.test)
    train, test = (np.flatnonzero(~is_test), np.flatnonzero(is_test)) if test_given else set_aside_test(y)
    said = (*notes, *corrupt.warnings)
    name = root.resolve().name
    return checked(root, name, pixels[train], y[train], pixels[test], y[test], layout.classes, test_given, said)


def _survey(files: list[Path], root: Path, corrupt: Corrupt) -> tuple[npt.NDArray[np.int64], int, int]:
    """(rows whose headers can be read, the common side in pixels, 3 channels or 1)."""
    readable, sides, channels = [], [], 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large images, which are refused with a better line
        for row, path in enumerate(files):
            try:
                width, height, colour = read_header(path)
            except Exception as error:  # decoders of hostile files raise nearly anything
                corrupt.add(str(path.relative_to(root)), error)
                continue
            readable.append(row)
            sides.append(max(width, height))
            channels = 3 if colour else channels
    if not readable:
        raise refusal("images", root, "include one that can be read", f"none in {len(files)}")
    return np.array(readable, dtype=np.int64), common_side(sides), channels


def _sample(rows: npt.NDArray[np.int64], strata: npt.NDArray[np.int64], room: int) -> npt.NDArray[np.int64]:
    """At most `room` of the rows, ascending, every stratum in proportion."""
    if len(rows) <= room:
        return rows
    return np.sort(rows[stratified_order(strata[rows], seed=0)[:room]])
