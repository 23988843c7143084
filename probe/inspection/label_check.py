"""Which labels look wrong: every image judged by what all the others say of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from presage.probe.inspection.leave_one_out import LANDMARKS, KernelMap, left_out_probabilities
from presage.probe.inspection.patch_features import SIDE, PatchFeatures, at_side
from presage.probe.noise import HeldOutImages, LabelNoise, suspect_labels
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.splits import stratified_order
from presage.training.hardware import one_thread

__all__ = ["FEWEST_OF_CLASS", "MOST_JUDGED", "judged_by_others", "suspected_labels"]

JUDGES = 3
"""Each with patches and landmarks of its own; what they say is averaged."""

MOST_JUDGED = 50_000
"""Images that are judged, and judge, at most: of more, a stratified sample."""

FEWEST_OF_CLASS = 4
"""Images of a class below which nobody knows what it looks like, and its labels are not doubted."""

_ROWS_AT_ONCE = 4_096


def suspected_labels(
    dataset: ImageDataset,
    *,
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> LabelNoise:
    """Suspected wrong labels of all images, training images first, then test images; rows count through both.

    Confident learning (`presage.probe.noise.suspect_labels`) on what `judged_by_others` says. Rare classes are not
    judged (`FEWEST_OF_CLASS`).
    """
    judged = judged_by_others(dataset, seed=seed, on_progress=on_progress)
    found = suspect_labels(judged)
    counts = np.bincount(judged.labels, minlength=len(dataset.classes))
    known = tuple(one for one in found.suspects if counts[one.label] >= FEWEST_OF_CLASS)
    return LabelNoise(found.examined, known)


def judged_by_others(
    dataset: ImageDataset,
    *,
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> HeldOutImages:
    """Of every image (of `MOST_JUDGED`, if there are more), probabilities by judges that never saw its label.

    A judge is a kernel ridge regression on features that no label was asked for (`PatchFeatures`), each image left out
    in turn (`left_out_probabilities`): about 0.6 ms of one CPU core an image, and a second for all.

    Args:
        seed: of patches and landmarks.
        on_progress: called with (images looked at, of how many, over all judges).
    """
    labels = np.concatenate([dataset.y_train, dataset.y_test])
    rows = np.arange(len(labels))
    if len(labels) > MOST_JUDGED:
        rows = np.sort(stratified_order(labels, seed)[:MOST_JUDGED])
    total = torch.zeros(len(rows), len(dataset.classes))
    with one_thread():
        images, told = _small(dataset, rows), torch.from_numpy(labels[rows])
        for judge in range(JUDGES):
            generator = torch.Generator().manual_seed(JUDGES * seed + judge)
            bank = PatchFeatures(images, generator)
            chosen = torch.randperm(len(images), generator=generator)[:LANDMARKS]
            seen_by = KernelMap.of(bank(images[chosen]))
            parts = []
            for start in range(0, len(images), _ROWS_AT_ONCE):
                parts.append(seen_by(bank(images[start : start + _ROWS_AT_ONCE])))
                done = min(start + _ROWS_AT_ONCE, len(images))
                on_progress(judge * len(images) + done, JUDGES * len(images))
            total += left_out_probabilities(torch.cat(parts), told, len(dataset.classes))
    return HeldOutImages(rows, labels[rows], (total / JUDGES).numpy())


def _small(dataset: ImageDataset, rows: npt.NDArray[np.int64]) -> torch.Tensor:
    """The images of these rows as uint8 (n, c, s, s)."""
    n = len(dataset.x_train)
    small = torch.empty(len(rows), dataset.shape[0], SIDE, SIDE, dtype=torch.uint8)
    for part, first in ((dataset.x_train, 0), (dataset.x_test, n)):
        here = np.flatnonzero((rows >= first) & (rows < first + len(part)))
        for start in range(0, len(here), _ROWS_AT_ONCE):
            some = here[start : start + _ROWS_AT_ONCE]
            small[torch.from_numpy(some)] = at_side(part[rows[some] - first])
    return small
