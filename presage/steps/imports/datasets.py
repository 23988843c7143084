"""Datasets as the cells of a table name them: by their images, by what the database knows, or by their sizes alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.errors import WrongInput
from presage.records import DatasetRecord
from presage.records.rules import canonical
from presage.steps.imports.cells import refused, whole

if TYPE_CHECKING:
    from presage.training import ImageDataset

__all__ = ["Datasets", "named_dataset"]

_SIZES = {
    "dataset_classes": "classes", "dataset_images": "train_images", "dataset_side": "height",
    "dataset_channels": "channels",
}  # fmt: skip
_ENOUGH = tuple(_SIZES)[:3]


class Datasets:
    """Reads cells, each different one once.

    Args:
        folder: that paths are seen from.
        known: datasets of the database.
        load: reads the images that a word names.
    """

    def __init__(self, folder: Path, known: Sequence[DatasetRecord], load: Callable[[str], ImageDataset]) -> None:
        self.folder, self.load = folder, load
        self.known = {record.fingerprint: record for record in known}
        self.paths: dict[str, str] = {}  # fingerprint → what names its images
        self._read: dict[tuple[str, ...], DatasetRecord | WrongInput] = {}

    def read(self, cell: Any, cells: Mapping[str, Any]) -> DatasetRecord:
        """The dataset of a row.

        Args:
            cell: what the row says in `dataset`.
            cells: the row's other cells, by column.

        Raises:
            WrongInput: says why there is none.
        """
        text = str(cell).strip()
        key = (text, *(str(cells.get(name)) for name in _SIZES))
        if key not in self._read:
            try:
                self._read[key] = self._agreeing(self._found(text, cells), cells)
            except WrongInput as error:
                self._read[key] = error
        found = self._read[key]
        if isinstance(found, WrongInput):
            raise found
        return found

    def _found(self, text: str, cells: Mapping[str, Any]) -> DatasetRecord:
        from presage.training.datasets.kinds import KINDS, listed
        from presage.training.recording import dataset_record

        if re.fullmatch(r"[0-9a-f]{64}", text):
            if text not in self.known:
                raise refused("dataset", "be the fingerprint of a dataset that the database knows", text)
            return self.known[text]
        here = str(self.folder / text) if (self.folder / text).exists() else text
        if any(kind.meant(here) is not None for kind in KINDS.values()) and text != "":
            try:
                found = dataset_record(self.load(here))
                self.paths[found.fingerprint] = here
                return found
            except WrongInput:
                if not self._told(cells):
                    raise
        named = [record for record in self.known.values() if record.name == text]
        if len(named) > 1:
            some = ", ".join(f"{record.fingerprint[:12]}…" for record in named)
            raise refused(
                "dataset", f"be one dataset ({len(named)} have this name: {some})", text, "Give a fingerprint."
            )
        if named:
            return named[0]
        if self._told(cells):
            return self._stand_in(text, cells)
        rule = f"be {listed()}, or the name of a dataset that the database knows"
        hint = f"Without its images, give {', '.join(f'`{name}`' for name in _ENOUGH)}."
        raise refused("dataset", rule, text, hint)

    @staticmethod
    def _told(cells: Mapping[str, Any]) -> bool:
        return all(cells.get(name) is not None for name in _ENOUGH)

    def _stand_in(self, name: str, cells: Mapping[str, Any]) -> DatasetRecord:
        channels = cells.get("dataset_channels")
        made = named_dataset(
            name,
            classes=whole("dataset_classes", cells["dataset_classes"]),
            images=whole("dataset_images", cells["dataset_images"]),
            channels=3 if channels is None else whole("dataset_channels", channels),
            side=whole("dataset_side", cells["dataset_side"]),
        )
        self.known[made.fingerprint] = made
        return made

    @staticmethod
    def _agreeing(record: DatasetRecord, cells: Mapping[str, Any]) -> DatasetRecord:
        """The record, where what the row says of its sizes is so."""
        for column, name in _SIZES.items():
            if cells.get(column) is not None and whole(column, cells[column]) != getattr(record, name):
                rule = f"be {getattr(record, name)}, as known of {record.name!r} ({record.fingerprint[:12]}…)"
                raise refused(column, rule, cells[column])
        return record


def named_dataset(name: str, *, classes: int, images: int, channels: int, side: int) -> DatasetRecord:
    """A dataset of which only name and sizes are at hand. Its fingerprint stands for these, not for images."""
    facts: dict[str, Any] = {
        "name": name, "classes": classes, "channels": channels, "height": side, "width": side,
        "train_images": images, "test_images": 0,
    }  # fmt: skip
    text = canonical({"format": "presage-named-dataset", **facts})
    return DatasetRecord(hashlib.sha256(text.encode()).hexdigest(), **facts)
