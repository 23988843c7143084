"""How a search tells how far it is; it prints nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presage.training.loop import EpochRecord

__all__ = ["OnProgress", "SearchProgress", "Stage", "silent"]

Stage = str
"""`supernet`: epochs of shared weights. `predict`: candidates scored.
`train`: epochs of the short-list. `baseline`: epochs of the random networks.
`tune`: epochs of the settings tried before a final training. `final`: epochs of that."""


@dataclass(frozen=True)
class SearchProgress:
    """`done` of `total` steps of a stage. `detail` is for people and may be empty.

    After an epoch of a network's training, `network` is its hash, and `record` what the epoch showed.
    """

    stage: Stage
    done: int
    total: int
    round_number: int = 1
    detail: str = ""
    network: str = ""
    record: EpochRecord | None = None


OnProgress = Callable[[SearchProgress], None]


def silent(progress: SearchProgress) -> None:
    """Tell nobody."""
