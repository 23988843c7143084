"""Datasets in a folder: one folder of images for each class, or such folders under `train` and `test`."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presage.training.datasets.decoding import Corrupt, Progress, common_side, decode_into, each, reorder
from presage.training.datasets.folder_key import folder_key
from presage.training.datasets.folder_layout import Layout, find_layout
from presage.training.datasets.image_cache import ImageCache, KeptImages
from presage.training.datasets.image_dataset import ImageDataset, ImageFiles, checked, refusal
from presage.training.datasets.image_file import Header, read_extremes, read_header, read_pixels
from presage.training.datasets.left_out import LeftOut, LeftOutLog, counted
from presage.training.datasets.proportions import squashed
from presage.training.datasets.splits import set_aside_test, stratified_order
from presage.training.datasets.value_range import Depth, Extremes, value_range

__all__ = ["load_folder"]

_MOST_BYTES = 2 * 2**30  # of pixels; of more images, a stratified sample is taken


def load_folder(
    root: Path, *, skip_corrupt: bool = False, on_progress: Progress | None = None, cache: Path | None = None
) -> ImageDataset:
    """Read images of any size and kind from class folders, sorted by name.

    `root` holds the class folders, or `train` (or `training`) and `test` (or `testing`) that do. A third, `val`
    (`valid`, `validation`), is what networks are validated on; without `test` it is the test set. Without a test set, a
    fifth is set aside by a fixed seed. Images may lie in deeper folders; a file without a suffix is one if its content
    is. Hidden entries, those of the system (`@eaDir`, `__MACOSX`) and files that are no images are left out, and named
    in the dataset's `left_out` and `warnings`; links are followed, but never in a circle.

    All images become squares of one side: the median of their longer sides, at most 64. They stay grey if all are.
    Values of more than 8 bits, and floats, are scaled by what all of them together hold
    (`presage.training.datasets.value_range`).

    Args:
        root: the folder.
        skip_corrupt: go on without images that cannot be read; each is named in the dataset's `warnings`.
        on_progress: called with (images decoded, images in all).
        cache: a folder where decoded images are kept, and found again as long as names, sizes and times of all files
            are the same.

    Raises:
        InvalidDataset: no class folders or too many, a class of fewer than two images, a test class that is not
            trained on, an image that cannot be read (or has more than 67 million pixels), or values of a range that
            is none of pixels.
    """
    layout = find_layout(root)
    key = folder_key(root, layout, _MOST_BYTES, skip_corrupt)
    kept = ImageCache(cache) if cache is not None and key is not None else None
    entry = kept.find(key) if kept is not None and key is not None else None
    if entry is None:
        entry = _read(root, layout, skip_corrupt, on_progress, kept, key or "")
    return _dataset(root, layout, entry)


def _dataset(root: Path, layout: Layout, entry: KeptImages) -> ImageDataset:
    told, (pixels, labels) = entry.told, (entry.pixels, entry.labels)
    split = int(told["train"])
    depth = None if told["depth"] is None else Depth.from_json(told["depth"])
    left_out = (*layout.left_out, *(LeftOut(str(kind), tuple(names)) for kind, names in told["partly"]))
    held = {str(path.relative_to(root)) for path in layout.validation}
    validation = np.flatnonzero([name in held for name in told["files"][:split]])
    files = ImageFiles(root, tuple(told["files"]), np.array(told["sizes"], dtype=np.int64).reshape(-1, 2))
    warned = (*layout.warnings, *told["notes"], *squashed(files.sizes, files.names, root))
    return checked(
        root, root.resolve().name, pixels[:split], labels[:split], pixels[split:], labels[split:], layout.classes,
        bool(layout.test), warned, left_out, depth, files,
        validation if len(validation) else None,
    )  # fmt: skip


def _read(
    root: Path, layout: Layout, skip_corrupt: bool, on_progress: Progress | None, cache: ImageCache | None, key: str
) -> KeptImages:
    """Decode the images of a folder, the training images first; kept in the cache if the folder stays as it is."""
    files = [path for path, _ in layout.train + layout.test]
    labels = np.array([label for _, label in layout.train + layout.test], dtype=np.int64)
    is_test = np.arange(len(files)) >= len(layout.train)
    names = [str(path.relative_to(root)) for path in files]
    corrupt = Corrupt(root, skip=skip_corrupt)
    partly: list[tuple[int, str]] = []  # images of which something is left out: (row, what)
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")  # Pillow warns of large images, which are refused with a better line
        found = _survey(files, root, corrupt)
        is_validation = np.array([path in layout.validation for path in files])
        strata = labels + len(layout.classes) * (is_test + 2 * is_validation)
        rows = _sample(found.readable, strata, _MOST_BYTES // (found.side**2 * found.channels))
        notes = []
        if len(rows) < len(found.readable):
            taken = f"{len(rows):,} of the {len(found.readable):,} images"
            notes.append(f"Took a stratified sample of {taken} of `{root}`.")
        depth, said = _depth([(files[row], names[row]) for row in rows if found.deep[row]], root)

        def read(i: int) -> npt.NDArray[np.uint8]:
            row = int(rows[i])
            colour = found.channels == 3
            return read_pixels(files[row], found.side, colour, depth, lambda kind: partly.append((row, kind)))

        def advance(done: int, of: int) -> None:
            if draft is not None:
                draft.release()
            if on_progress is not None:
                on_progress(done, of)

        shape = (len(rows), found.side, found.side, found.channels)
        draft = stack.enter_context(cache.draft(key, shape)) if cache is not None else None
        pixels = np.empty(shape, dtype=np.uint8) if draft is None else draft.pixels
        readable = decode_into(pixels, read, lambda i: names[rows[i]], corrupt, advance)
        train, test = _division(labels[rows], is_test[rows], readable, bool(layout.test))
        order = np.concatenate([train, test])
        reorder(pixels, order)
        taken_rows = rows[order]
        told = {
            "train": len(train),
            "notes": [*notes, *said, *corrupt.warnings],
            "depth": None if depth is None else depth.to_json(),
            "partly": [[item.kind, list(item.names)] for item in _partly_left_out(partly, names)],
            "files": [names[row] for row in taken_rows],
            "sizes": found.sizes[taken_rows].tolist(),
        }
        entry = KeptImages(pixels[: len(order)], labels[taken_rows], told)
        if draft is not None and key == folder_key(root, find_layout(root), _MOST_BYTES, skip_corrupt):
            return draft.keep(entry.labels, told) or entry
        return entry


def _division(
    labels: npt.NDArray[np.int64], is_test: npt.NDArray[np.bool_], readable: npt.NDArray[np.bool_], test_given: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(rows to train on, rows to test on), of those that could be read."""
    rows = np.flatnonzero(readable)
    if test_given:
        return rows[~is_test[rows]], rows[is_test[rows]]
    train, test = set_aside_test(labels[rows])
    return rows[train], rows[test]


@dataclass(frozen=True)
class _Survey:
    """What the headers of all files say.

    Attributes:
        readable: rows of those that can be read.
        side, channels: that all images get.
        deep: of which values have more than 8 bits.
        sizes: (width, height) of each; 0 where it cannot be read.
    """

    readable: npt.NDArray[np.int64]
    side: int
    channels: int
    deep: npt.NDArray[np.bool_]
    sizes: npt.NDArray[np.int64]


def _survey(files: list[Path], root: Path, corrupt: Corrupt) -> _Survey:
    readable, sides, channels = [], [], 1
    deep = np.zeros(len(files), dtype=bool)
    sizes = np.zeros((len(files), 2), dtype=np.int64)
    for row, header in enumerate(each(lambda row: read_header(files[row]), len(files))):
        if not isinstance(header, Header):
            corrupt.add(str(files[row].relative_to(root)), header)
            continue
        readable.append(row)
        sides.append(max(header.width, header.height))
        channels = 3 if header.colour else channels
        deep[row] = header.deep
        sizes[row] = header.width, header.height
    if not readable:
        raise refusal("images", root, "include one that can be read", f"none in {len(files)}")
    return _Survey(np.array(readable, dtype=np.int64), common_side(sides), channels, deep, sizes)


def _depth(files: list[tuple[Path, str]], root: Path) -> tuple[Depth | None, list[str]]:
    """How the deep images (path, name) become 0 … 255, and a line that says so; None where there are none."""
    found = list(each(lambda i: read_extremes(*files[i]), len(files)))
    told = [item for item in found if isinstance(item, Extremes)]  # what cannot be read is named when it is decoded
    if not told:
        return None, []
    whole, floats = [item for item in told if not item.floats], [item for item in told if item.floats]
    depth = Depth(value_range(whole, root) if whole else None, value_range(floats, root) if floats else None)
    return depth, [f"Scaled {counted(len(told))} of more than 8 bits of `{root}` as values of {depth}."]


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
