"""`write_inspection`: what an inspection found, as a page with the images, as CSV and as JSON."""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from presage.files import ESCAPED, replacing, write_json, write_text
from presage.probe.inspection.issue import KINDS, Issue
from presage.report.templates import render

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from presage.probe.inspection.issue import Inspection
    from presage.training import ImageDataset

__all__ = ["CSV", "JSON", "PAGE", "write_inspection"]

PAGE, CSV, JSON = "inspection.html", "inspection.csv", "inspection.json"

MOST_SHOWN = 60
"""Issues of a kind whose images are on the page."""


@dataclass(frozen=True)
class _Shown:
    """An issue with its pictures as data addresses: the image, and of duplicates the one that it is like."""

    issue: Issue
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class _Kind:
    """The issues of one kind, of which some are shown."""

    name: str
    says: str
    number: int
    shown: tuple[_Shown, ...]


def write_inspection(folder: Path, inspection: Inspection, dataset: ImageDataset) -> Path:
    """Write ``inspection.html``, ``inspection.csv`` and ``inspection.json`` into a folder, and give the page's path.

    The page holds its images, as they are stored for training, and fetches nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / JSON, inspection.to_json())
    with replacing(folder / CSV) as draft, draft.open("w", newline="", encoding="utf-8", errors=ESCAPED) as file:
        writer = csv.writer(file)
        names = [field.name for field in fields(Issue)]
        writer.writerow(names)
        writer.writerows([_cell(getattr(issue, name)) for name in names] for issue in inspection.issues)
    places = _places(dataset) if any(issue.like for issue in inspection.issues) else {}
    kinds = []
    for name, says in KINDS.items():
        issues = inspection.of(name)
        if issues:
            shown = tuple(_Shown(one, _pictures(one, dataset, places)) for one in issues[:MOST_SHOWN])
            kinds.append(_Kind(name, says, len(issues), shown))
    with replacing(folder / PAGE) as draft:
        write_text(draft, render("inspection.html", inspection=inspection, kinds=kinds))
    return folder / PAGE


def _cell(value: object) -> object:
    """What a spreadsheet takes for text, also where a file's name looks like a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value


def _places(dataset: ImageDataset) -> dict[str, npt.NDArray[np.uint8]]:
    """Name of a file, or place in the arrays → image."""
    n = len(dataset.x_train)
    images = [*dataset.x_train, *dataset.x_test]
    names = (
        dataset.files.names
        if dataset.files is not None
        else [f"x_train[{row}]" if row < n else f"x_test[{row - n}]" for row in range(len(images))]
    )
    return dict(zip(names, images, strict=True))


def _pictures(issue: Issue, dataset: ImageDataset, places: dict[str, npt.NDArray[np.uint8]]) -> tuple[str, ...]:
    if issue.row < 0:
        return ()
    own = (dataset.x_train if issue.part == "train" else dataset.x_test)[issue.row]
    other = places.get(issue.like) if issue.like else None
    return tuple(_address(image) for image in (own, other) if image is not None)


def _address(image: npt.NDArray[np.uint8]) -> str:
    """(h, w, c) as a PNG in a data address."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(image if image.shape[2] == 3 else image[..., 0]).save(content, "PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode("ascii")
