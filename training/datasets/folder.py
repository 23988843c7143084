"""Datasets in a folder: one folder of images for each class, or such folders under `train` and `test`."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presage.training.datasets.decoding import Corrupt, Progress, common_side, decode_all, each
from presage.training.datasets.folder_layout import find_layout
from presage.training.datasets.image_dataset import ImageDataset, checked, refusal
from presage.training.datasets.image_file import Header, read_extremes, read_header, read_pixels
from presage.training.datasets.left_out import LeftOut, LeftOutLog
from presage.training.datasets.splits import set_aside_test, stratified_order
from presage.training.datasets.value_range import Depth, Extremes, value_range

__all__ = ["load_folder"]

_MOST_BYTES = 2 * 2**30  # of pixels; of more images, a stratified sample is taken


def load_folder(root: Path, *, skip_corrupt: bool = False, on_progress: Progress | None = None) -> ImageDataset:
    """Read images of any size and kind from class folders, sorted by name.

    `root` holds the class folders, or `train` (or `training`) and `test` (or `testing`) that do. A third, `val`
    (`valid`, `validation`), joins the training images, as presage draws its own validation images; without `test`
    it is the test set. Without a test set, a fifth is set aside by a fixed seed. Images may lie in deeper folders; a
    file without a suffix is one if its content is. Hidden entries, those of the system (`@eaDir`, `__MACOSX`) and
    files that are no images are left out, and named in the dataset's `left_out` and `warnings`; links are followed,
    but never in a circle.

    All images become squares of one side: the median of their longer sides, at most 64. They stay grey if all are.
    Values of more than 8 bits, and floats, are scaled by what all of them together hold
    (`presage.training.datasets.value_range`).

    Args:
        root: the folder.
        skip_corrupt: go on without images that cannot be read; each is named in the dataset's `warnings`.
        on_progress: called with (images decoded, images in all).

    Raises:
        InvalidDataset: no class folders or too many, a class of fewer than two images, a test class that is not
            trained on, an image that cannot be read (or has more than 67 million pixels), or values of a range that
            is none of pixels.
    """
    layout = find_layout(root)
    notes = list(layout.warnings)
    files = [path for path, _ in layout.train + layout.test]
    labels = np.array([label for _, label in layout.train + layout.test], dtype=np.int64)
    is_test = np.arange(len(files)) >= len(layout.train)

    corrupt = Corrupt(root, skip=skip_corrupt)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large images, which are refused with a better line
        found = _survey(files, root, corrupt)
        strata = labels + len(layout.classes) * is_test
        rows = _sample(found.readable, strata, _MOST_BYTES // (found.side**2 * found.channels))
        if len(rows) < len(found.readable):
            notes.append(
                f"Took a stratified sample of {len(rows):,} of the {len(found.readable):,} images of `{root}`."
            )
        names = [str(path.relative_to(root)) for path in files]
        depth, said = _depth([(files[row], names[row]) for row in rows if found.deep[row]], root)
        notes += said
        partly: list[tuple[int, str]] = []  # images of which something is left out: (row, what)
        pixels, kept = decode_all(
            lambda i: read_pixels(
                files[rows[i]], found.side, found.channels == 3, depth, lambda kind: partly.append((int(rows[i]), kind))
            ),
            lambda i: names[rows[i]],
            (len(rows), found.side, found.side, found.channels),
            corrupt,
            on_progress,
        )
    y, is_test = labels[rows][kept], is_test[rows][kept]
    test_given = bool(layout.test)
    train, test = (np.flatnonzero(~is_test), np.flatnonzero(is_test)) if test_given else set_aside_test(y)
    left_out = (*layout.left_out, *_partly_left_out(partly, names))
    name = root.resolve().name
    return checked(
        root, name, pixels[train], y[train], pixels[test], y[test], layout.classes, test_given,
        (*notes, *corrupt.warnings), left_out, depth,
    )  # fmt: skip


@dataclass(frozen=True)
class _Survey:
    """What the headers of all files say: rows that can be read, the common side, 3 channels or 1, which are deep."""

    readable: npt.NDArray[np.int64]
    side: int
    channels: int
    deep: npt.NDArray[np.bool_]


def _survey(files: list[Path], root: Path, corrupt: Corrupt) -> _Survey:
    readable, sides, channels = [], [], 1
    deep = np.zeros(len(files), dtype=bool)
    for row, header in enumerate(each(lambda row: read_header(files[row]), len(files))):
        if not isinstance(header, Header):
            corrupt.add(str(files[row].relative_to(root)), header)
            continue
        readable.append(row)
        sides.append(max(header.width, header.height))
        channels = 3 if header.colour else channels
        deep[row] = header.deep
    if not readable:
        raise refusal("images", root, "include one that can be read", f"none in {len(files)}")
    return _Survey(np.array(readable, dtype=np.int64), common_side(sides), channels, deep)


def _depth(files: list[tuple[Path, str]], root: Path) -> tuple[Depth | None, list[str]]:
    """How the deep images (path, name) become 0 … 255, and a line that says so; None where there are none."""
    found = list(each(lambda i: read_extremes(*files[i]), len(files)))
    told = [item for item in found if isinstance(item, Extremes)]  # what cannot be read is named when it is decoded
    if not told:
        return None, []
    whole, floats = [item for item in told if not item.floats], [item for item in told if item.floats]
    depth = Depth(value_range(whole, root) if whole else None, value_range(floats, root) if floats else None)
    return depth, [f"Scaled {len(told):,} images of more than 8 bits of `{root}` as values of {depth}."]


def _partly_left_out(partly: list[tuple[int, str]], names: list[str]) -> tuple[LeftOut, ...]:
    log = LeftOutLog()
    for row, kind in sorted(partly):
        log.add(kind, names[row])
    return log.found


def _sample(rows: npt.NDArray[np.int64], strata: npt.NDArray[np.int64], room: int) -> npt.NDArray[np.int64]:
    """At most `room` of the rows, ascending, every stratum in proportion."""
    if len(rows) <= room:
        return rows
    return np.sort(rows[stratified_order(strata[rows], seed=0)[:room]])
