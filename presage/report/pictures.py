"""Small pictures of a dataset's images, each put into a page once, however often it is shown."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from presage.training import ImageDataset

__all__ = ["Picture", "Pictures"]

SIDE = 64
"""Pixels of the longer side of a picture, at most."""

MOST = 500
"""Pictures on a page."""

_QUALITY = 82


@dataclass(frozen=True)
class Picture:
    """An image as a data address, with its size in pixels."""

    key: str
    address: str
    width: int
    height: int


class Pictures:
    """Those that a page shows.

    Args:
        dataset: None where its images are not at hand; then there are no pictures.
    """

    def __init__(self, dataset: ImageDataset | None) -> None:
        self.dataset = dataset
        self._found: dict[tuple[str, int], Picture] = {}

    @property
    def shown(self) -> list[Picture]:
        """All that were asked for."""
        return list(self._found.values())

    def of(self, part: str, row: int) -> Picture | None:
        """Of an image of `x_train`, or of `x_test` where `part` is "test"; None where there is none, or no room."""
        if self.dataset is None:
            return None
        images = self.dataset.x_test if part == "test" else self.dataset.x_train
        place = ("test" if part == "test" else "train", row)
        if place not in self._found:
            if len(self._found) >= MOST or not 0 <= row < len(images):
                return None
            content, width, height = _address(images[row])
            self._found[place] = Picture(f"i{len(self._found)}", content, width, height)
        return self._found[place]


def _address(image: npt.NDArray[np.uint8]) -> tuple[str, int, int]:
    """An image (h, w, c) as a data address, with its width and height: no larger than `SIDE`, and as few bytes as PNG
    or WebP need."""
    from PIL import Image, features

    picture = Image.fromarray(image if image.shape[2] == 3 else image[..., 0])
    picture.thumbnail((SIDE, SIDE))
    exact = io.BytesIO()
    picture.save(exact, "PNG", optimize=True)
    kind, content = "png", exact.getvalue()
    if features.check("webp"):
        small = io.BytesIO()
        picture.save(small, "WEBP", quality=_QUALITY)
        if len(small.getvalue()) < len(content):
            kind, content = "webp", small.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}", *picture.size
