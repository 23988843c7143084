"""`HeldOut`: what a trained network says of images that it did not learn from, small enough to keep beside each.

From labels and said classes follow the confusion matrix and the accuracy of each class; from the probabilities, which
mistakes it was surest of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from presage.reading import record
from presage.training.data import rows_for_test
from presage.training.loop import logits_of
from presage.training.precision import precision_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from presage.architecture.graph import Architecture
    from presage.training.data import DeviceData
    from presage.training.datasets.image_dataset import ImageDataset
    from presage.training.recipe import Recipe

__all__ = ["PREDICTIONS", "HeldOut", "Predictions", "predictions_of"]

PREDICTIONS = "predictions.json"
"""File of a trained network's folder that keeps its `Predictions`."""

FORMAT, VERSION = "presage-predictions", 1

NAMED = 48
"""Mistakes, the worst, whose images are kept by the names of their files, too."""


@dataclass(frozen=True)
class HeldOut:
    """Of n images of one part of a dataset, one entry each.

    Attributes:
        rows: places of the images in the dataset's `x_train`, or `x_test`.
        labels, predicted: classes, 0 … k-1.
        confidence, label_confidence: probability of the predicted class, and of the label, in thousandths.
        names: place → name of its file, for the worst mistakes; empty where images are no files.
    """

    rows: tuple[int, ...]
    labels: tuple[int, ...]
    predicted: tuple[int, ...]
    confidence: tuple[int, ...]
    label_confidence: tuple[int, ...]
    names: Mapping[str, str]

    def __post_init__(self) -> None:
        columns = (self.rows, self.labels, self.predicted, self.confidence, self.label_confidence)
        if len({len(column) for column in columns}) > 1 or any(min(column, default=0) < 0 for column in columns):
            raise ValueError("the columns must be equally long, and hold no number below 0")

    @property
    def accuracy(self) -> float:
        """Share of the images whose label was predicted; 0 without images."""
        right = sum(one == other for one, other in zip(self.labels, self.predicted, strict=True))
        return right / max(len(self.labels), 1)

    @property
    def mistakes(self) -> list[int]:
        """Entries that are wrong: the less probable the label was held to be, the earlier."""
        wrong = [at for at in range(len(self.labels)) if self.labels[at] != self.predicted[at]]
        return sorted(wrong, key=lambda at: (self.label_confidence[at], -self.confidence[at], self.rows[at]))


@dataclass(frozen=True)
class Predictions:
    """Of one trained network.

    Attributes:
        validation: of the validation images, by which networks are chosen.
        test: of the test images; None where they were not looked at.
    """

    validation: HeldOut
    test: HeldOut | None = None

    def to_json(self) -> dict[str, Any]:
        """For `from_json`."""
        return {"format": FORMAT, "version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Predictions:
        """What `to_json` wrote."""
        if (value["format"], value["version"]) != (FORMAT, VERSION):
            raise ValueError("it is of no format that this version of presage reads")
        test = value["test"]
        return cls(record(HeldOut, value["validation"]), None if test is None else record(HeldOut, test))


def predictions_of(
    module: nn.Module,
    architecture: Architecture,
    dataset: ImageDataset,
    data: DeviceData,
    recipe: Recipe,
    *,
    test: bool,
) -> Predictions:
    """What a trained network says of the validation images, and of the test images where `test` says so.

    Args:
        module: where `data` lies.
        data: `dataset` as the recipe has it.
    """
    names = dataset.files.names if dataset.files is not None else ()
    precision = precision_of(architecture, data, recipe)

    def said(images: Tensor, labels: Tensor, rows: NDArray[np.int64], first: int) -> HeldOut:
        logits = logits_of(module, images, data, precision=precision, mirroring=recipe.test_mirroring)
        return _held_out(logits.cpu(), labels.cpu(), rows, names[first:] if names else ())

    return Predictions(
        said(data.x_validation, data.y_validation, data.validation_images, 0),
        said(data.x_test, data.y_test, rows_for_test(dataset, recipe), len(dataset.y_train))
        if test and len(data.x_test)
        else None,
    )


def _held_out(logits: Tensor, labels: Tensor, rows: NDArray[np.int64], names: tuple[str, ...]) -> HeldOut:
    """Of `logits` (n, k) and `labels` (n,)."""
    thousandths = (1000 * torch.softmax(logits.double(), dim=1)).round().long()
    predicted = logits.argmax(dim=1)
    found = HeldOut(
        rows=tuple(rows.tolist()),
        labels=tuple(labels.tolist()),
        predicted=tuple(predicted.tolist()),
        confidence=tuple(thousandths.gather(1, predicted[:, None])[:, 0].tolist()),
        label_confidence=tuple(thousandths.gather(1, labels[:, None])[:, 0].tolist()),
        names={},
    )
    if not names:
        return found
    worst = [found.rows[at] for at in found.mistakes[:NAMED]]
    return HeldOut(**{**vars(found), "names": {str(row): names[row] for row in worst}})
