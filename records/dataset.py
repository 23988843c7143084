"""`DatasetRecord`: a dataset as its content's fingerprint and its sizes."""

from __future__ import annotations

from dataclasses import dataclass

from presage.records import rules as rule
from presage.records.record import Record

__all__ = ["DatasetRecord"]


@dataclass(frozen=True)
class DatasetRecord(Record):
    """A labelled image dataset, known by the `fingerprint` of its content. Sizes in pixels.

    Attributes:
        train_images: those to train and validate on.
        validation_images: of these, the dataset's own validation images; None where recipes draw theirs.
    """

    row, table = "dataset", "datasets"
    identified_by = ("fingerprint",)
    results = ("classes", "channels", "height", "width", "train_images", "test_images", "validation_images")
    later = frozenset({"validation_images"})
    fingerprint: str
    name: str
    classes: int
    channels: int
    height: int
    width: int
    train_images: int
    test_images: int
    validation_images: int | None = None

    def __post_init__(self) -> None:
        rule.digest("fingerprint", self.row, self.fingerprint)
        rule.text("name", self.row, self.name)
        least = {"classes": 2, "test_images": 0}
        for name in self.results:
            if name == "validation_images" and self.validation_images is None:
                continue
            self._set(**{name: rule.count(name, self.row, getattr(self, name), least.get(name, 1))})
