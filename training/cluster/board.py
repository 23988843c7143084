"""`NoticeBoard`: what trainings on a cluster tell while they run, and whether they are to stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["NoticeBoard", "News"]

Bytes = npt.NDArray[np.uint8]


@dataclass
class News:
    """What a training has told: lines of its epochs, and its latest checkpoint, (n,) uint8."""

    epochs: str = ""
    checkpoint: Bytes | None = None


class NoticeBoard:
    """Notices by training. One that is lost and begun anew has forgotten them, which costs time, no result."""

    def __init__(self) -> None:
        self._told: dict[str, News] = {}
        self._fresh: dict[str, News] = {}
        self._unwanted: set[str] = set()

    def tell(self, training: str, epochs: str, checkpoint: Bytes | None) -> bool:
        """Told by a training; whether it is to go on."""
        for place in (self._told, self._fresh):
            news = place.setdefault(training, News())
            news.epochs = epochs
            if checkpoint is not None:
                news.checkpoint = checkpoint
        return training not in self._unwanted

    def checkpoint(self, training: str) -> Bytes | None:
        """The latest, for a training that is tried again."""
        return self._told[training].checkpoint if training in self._told else None

    def news(self, unwanted: list[str], done: list[str]) -> dict[str, News]:
        """What was told since the last call; `unwanted` trainings are to stop, those that are `done` are forgotten."""
        self._unwanted.update(unwanted)
        fresh, self._fresh = self._fresh, {}
        for training in done:
            self._unwanted.discard(training)
            self._told.pop(training, None)
        return fresh
