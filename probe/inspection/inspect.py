"""`inspect_dataset`: everything that looks wrong with a dataset, image by image, by file name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from presage.probe.inspection.duplicates import duplicates
from presage.probe.inspection.faults import (
    ONE_COLOUR,
    odd_aspects,
    odd_sizes,
    one_colour_share,
    tiny,
    unusually_low,
)
from presage.probe.inspection.issue import KINDS, Inspection, Issue
from presage.probe.inspection.label_check import suspected_labels
from presage.probe.inspection.sharpness import LEVELS, grey_of, sharpness
from presage.training.balance import imbalance
from presage.training.datasets.decoding import each
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.image_file import read_reduced

__all__ = ["FEWEST_IMAGES", "VERSION", "inspect_dataset"]

VERSION = 3
"""Changes with anything that changes what is found; what another version found is not looked at again."""

FEWEST_IMAGES = 10
"""Training images of a class below which it is named."""

MEASURED_SIDE = 512
"""Longer side, in pixels, that files are reduced to at most before their sharpness is measured."""

OnStage = Callable[[str, int, int | None], None]


def inspect_dataset(
    dataset: ImageDataset,
    *,
    seed: int = 0,
    progress: OnStage = lambda stage, done, total: None,
) -> Inspection:
    """Look for duplicates, leaks, faults, outliers, rare classes and wrong labels among all images, test images too.

    Test images are looked at to find what is wrong with them; nothing that is found enters a training.

    Args:
        seed: of what judges labels: patches and landmarks.
        progress: called as ``progress(stage, done, total)``.
    """
    here = _Images(dataset)
    noise = suspected_labels(dataset, seed=seed, on_progress=lambda done, of: progress("judge labels", done, of))
    suspects = [
        here.issue(
            "doubted label",
            one.image,
            f"looks like {dataset.classes[one.looks_like]}, {one.confidence:.0%}",
            score=one.confidence,
        )
        for one in noise.suspects
    ]
    faults = list(_faults(here, progress))
    blank = {issue.image for issue in faults if issue.kind == "one colour"}  # of these a doubt says nothing
    doubted = [issue for issue in suspects if issue.image not in blank]
    found = [*_duplicates(here, progress), *doubted, *faults, *_rare(dataset)]
    order = {kind: place for place, kind in enumerate(KINDS)}
    return Inspection(
        dataset.name,
        dataset.fingerprint,
        len(dataset.x_train),
        len(dataset.x_test),
        tuple(sorted(found, key=lambda issue: order[issue.kind])),
        (*_sampled(noise.examined, len(here)), *imbalance(dataset)),
    )


def _sampled(judged: int, of: int) -> tuple[str, ...]:
    """Whether labels are of a sample only, in words."""
    return () if judged == of else (f"Labels were judged of a stratified sample of {judged:,} of the {of:,} images.",)


@dataclass(frozen=True)
class _Images:
    """All images of a dataset by one number: the training images, then the test images."""

    dataset: ImageDataset

    def __len__(self) -> int:
        return len(self.dataset.x_train) + len(self.dataset.x_test)

    def __getitem__(self, number: int) -> npt.NDArray[np.uint8]:
        part, row = self.place(number)
        image: npt.NDArray[np.uint8] = (self.dataset.x_train if part == "train" else self.dataset.x_test)[row]
        return image

    def place(self, number: int) -> tuple[str, int]:
        """(part, row there)."""
        n = len(self.dataset.x_train)
        return ("train", number) if number < n else ("test", number - n)

    def name(self, number: int) -> str:
        """Its file, or its place in the arrays."""
        if self.dataset.files is not None:
            return self.dataset.files.names[number]
        part, row = self.place(number)
        return f"x_{part}[{row}]"

    def label(self, number: int) -> str:
        part, row = self.place(number)
        return self.dataset.classes[int((self.dataset.y_train if part == "train" else self.dataset.y_test)[row])]

    def issue(
        self, kind: str, number: int, detail: str, *, like: str = "", group: int = -1, score: float = 0.0
    ) -> Issue:
        part, row = self.place(number)
        return Issue(kind, part, row, self.name(number), self.label(number), detail, like, group, round(score, 6))


def _duplicates(here: _Images, progress: OnStage) -> Iterator[Issue]:
    """Every image of a group but the first, which it is like; test images that are like a training image are leaked."""
    parts = (here.dataset.x_train, here.dataset.x_test)
    groups = duplicates(parts, lambda done, of: progress("compare images", done, of))
    for group, found in enumerate(groups):
        first = found.rows[0]  # a training image, where there is one
        for number in found.rows[1:]:
            leaked = here.place(first)[0] == "train" and here.place(number)[0] == "test"
            kind = "leaked" if leaked else "duplicate" if found.exact else "near duplicate"
            how = "the same as" if (here[first] == here[number]).all() else "nearly the same as"
            other = "" if here.label(first) == here.label(number) else f", which is filed under {here.label(first)}"
            detail, size = f"{how} {here.name(first)}{other}", float(len(found.rows))
            yield here.issue(kind, number, detail, like=here.name(first), group=group, score=size)


def _faults(here: _Images, progress: OnStage) -> Iterator[Issue]:
    files = here.dataset.files
    sharp = np.full((len(here), LEVELS), np.nan)
    for number, measured in enumerate(each(lambda number: _sharpness_of(here, number), len(here))):
        if isinstance(measured, np.ndarray):  # a file that has changed since cannot be measured
            sharp[number] = measured
        if (number + 1) % 256 == 0 or number + 1 == len(here):
            progress("measure images", number + 1, len(here))
    shares = [one_colour_share(here[number]) for number in range(len(here))]
    for number in np.argsort(shares, kind="stable")[::-1].tolist():
        if shares[number] >= ONE_COLOUR:
            sharp[number] = np.nan
            yield here.issue("one colour", number, f"{shares[number]:.1%} of its pixels", score=shares[number])
    small = np.zeros(0, np.int64) if files is None else tiny(files.sizes, here.dataset.shape[1])
    sharp[small] = np.nan  # what is wrong with these is said already
    for number, (own, usual) in zip(*map(np.ndarray.tolist, unusually_low(sharp)), strict=True):
        told = f"another blur takes {own:.0%} of its edges, of others {usual:.0%}"
        yield here.issue("blurred", number, told, score=usual / max(own, 1e-6))
    if files is None:
        return
    for kind, rows in (
        ("tiny", small),
        ("odd size", odd_sizes(files.sizes)),
        ("odd aspect", odd_aspects(files.sizes)),
    ):
        for number in rows.tolist():
            width, height = files.sizes[number].tolist()
            yield here.issue(kind, number, f"{width} x {height} pixels", score=float(width * height))


def _sharpness_of(here: _Images, number: int) -> npt.NDArray[np.float64]:
    files = here.dataset.files
    if files is None:
        return sharpness(grey_of(here[number]))
    return sharpness(grey_of(read_reduced(files.root / files.names[number], MEASURED_SIDE, here.dataset.depth)))


def _rare(dataset: ImageDataset) -> Iterator[Issue]:
    counts = np.bincount(dataset.y_train, minlength=len(dataset.classes))
    for label in np.argsort(counts, kind="stable").tolist():
        if counts[label] < FEWEST_IMAGES:
            number = int(counts[label])
            detail = f"{number} image{'s' if number > 1 else ''} to train on"
            yield Issue("few images", "", -1, "", dataset.classes[label], detail, score=float(number))
