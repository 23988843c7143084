"""Images that are the same, or nearly so, found among all pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from presage.probe.description import shrink

__all__ = ["Group", "duplicates"]

SIDE = 16
FARTHEST = 0.25
"""Distance of two shrunken images (mean 0, length 1) beyond which they are never nearly the same; unlike ones: √2."""

SHARE_OF_USUAL = 0.25
"""They are, up to this share of the median distance from an image to the nearest that is beyond `FARTHEST`.

Seen on 4,000 images each: copies in JPEG quality 50, with noise (deviation 8 of 255) and of other brightness lie at
.12, .08 and .004 in cifar10, where this gives .18; different digits of mnist lie at .115 and more but for one in a
thousand, and this gives .11.
"""

_SAMPLE = 1_000  # images that tell what is usual
_ROWS, _COLUMNS = 1_024, 16_384
_MOST_PAIRS = 1_000_000

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Group:
    """Images that are duplicates of one another.

    Attributes:
        rows: of the images, ascending.
        exact: whether all their pixels are equal; else they are nearly the same.
    """

    rows: tuple[int, ...]
    exact: bool


def duplicates(
    parts: Sequence[Images], on_progress: Callable[[int, int], None] = lambda done, of: None
) -> tuple[Group, ...]:
    """Groups of duplicates among images, each image in one group at most, by their first rows.

    Exact ones have equal pixels. Near ones are compared after shrinking to 16 x 16, with brightness and contrast taken
    out: distances of all pairs, by blocks, which takes n²·256·c / 2 multiply-adds. An image of one colour is no near
    duplicate.

    Args:
        parts: arrays (n, h, w, c), whose rows are counted through all of them.
        on_progress: called with (images compared, of how many).
    """
    first_of = _first_rows(parts)
    firsts = np.unique(first_of)
    points = np.concatenate([_points(part) for part in parts])[firsts]
    seen = np.flatnonzero(np.abs(points).sum(axis=1) > 0)  # what has one colour has no direction
    groups = _Groups(len(first_of))
    for row, first in enumerate(first_of.tolist()):
        groups.join(row, first)
    exact = groups.copy()
    for a, b in _near_pairs(torch.from_numpy(points[seen]), on_progress):
        groups.join(int(firsts[seen[a]]), int(firsts[seen[b]]))
    return tuple(Group(rows, exact.together(rows)) for rows in groups.all())


def _first_rows(parts: Sequence[Images]) -> npt.NDArray[np.int64]:
    """Of each image, the first row with the same pixels (n,)."""
    known: dict[bytes, int] = {}
    rows = (hashlib.sha256(image.tobytes()).digest() for part in parts for image in part)
    return np.array([known.setdefault(digest, row) for row, digest in enumerate(rows)], dtype=np.int64)


def _points(images: Images) -> npt.NDArray[np.float32]:
    """Images as points of length 1, or 0 where all pixels are alike (n, 256·c)."""
    out = np.zeros((len(images), SIDE * SIDE * images.shape[3]), dtype=np.float32)
    for start in range(0, len(images), _ROWS):
        points = shrink(images[start : start + _ROWS], SIDE)
        points = points.reshape(len(points), -1)
        points -= points.mean(axis=1, keepdims=True)
        length = np.linalg.norm(points, axis=1, keepdims=True)
        flat = length < 2 / 255 * np.sqrt(points.shape[1])
        out[start : start + len(points)] = np.where(flat, 0, points / np.maximum(length, 1e-12))
    return out


def _near_pairs(points: torch.Tensor, on_progress: Callable[[int, int], None]) -> list[tuple[int, int]]:
    """Pairs (a, b), a < b, that are near."""
    n = len(points)
    least = _cosine(min(FARTHEST, SHARE_OF_USUAL * _usual_distance(points)))
    pairs: list[tuple[int, int]] = []
    for top in range(0, n, _ROWS):
        rows = points[top : top + _ROWS]
        for left in range(top, n, _COLUMNS):
            close = (rows @ points[left : left + _COLUMNS].T >= least).nonzero()
            close[:, 0] += top
            close[:, 1] += left
            pairs += [(a, b) for a, b in close[close[:, 0] < close[:, 1]].tolist()]
        on_progress(min(top + _ROWS, n), n)
        if len(pairs) > _MOST_PAIRS:  # nearly all images are alike, which is said elsewhere
            break
    return pairs


def _usual_distance(points: torch.Tensor) -> float:
    """Median distance of an image from the nearest one that is beyond `FARTHEST`, over a thousand of them."""
    rows = np.unique(np.linspace(0, max(len(points) - 1, 0), _SAMPLE).astype(np.int64))
    nearest = []
    for some in np.array_split(rows, 1 + len(rows) * len(points) // 2**24):
        cosines = points[some] @ points.T
        cosines[cosines >= _cosine(FARTHEST)] = -1.0
        nearest.append(cosines.max(dim=1).values if len(points) else cosines.new_empty(0))
    told = torch.cat(nearest)
    told = told[told > -1]
    return float((2 - 2 * told.median()).clamp_min(0).sqrt()) if len(told) else 2.0


def _cosine(distance: float) -> float:
    """Of two points of length 1 that are so far apart; a little less, for rounding."""
    return 1 - distance**2 / 2 - 1e-6


class _Groups:
    """Rows joined into groups (union-find)."""

    def __init__(self, n: int) -> None:
        self.above = list(range(n))

    def top(self, row: int) -> int:
        while self.above[row] != row:
            self.above[row] = self.above[self.above[row]]
            row = self.above[row]
        return row

    def join(self, a: int, b: int) -> None:
        first, second = sorted((self.top(a), self.top(b)))
        self.above[second] = first

    def copy(self) -> _Groups:
        same = _Groups(0)
        same.above = list(self.above)
        return same

    def together(self, rows: tuple[int, ...]) -> bool:
        return len({self.top(row) for row in rows}) == 1

    def all(self) -> list[tuple[int, ...]]:
        """Groups of two rows or more, by their first."""
        members: dict[int, list[int]] = {}
        for row in range(len(self.above)):
            members.setdefault(self.top(row), []).append(row)
        return [tuple(rows) for rows in members.values() if len(rows) > 1]
