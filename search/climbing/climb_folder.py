"""A growing's folder: what is needed to go on with it, owned by one process at a time.

::

    grow.json                    what was asked for; when resumed, the same must be
    networks/HASH/               a network that was trained from scratch: architecture, experiment, weights, checkpoint
    climb/1-3/                   the third child of the first step, trained from its parent's weights: the same
    climb/1-1/candidates/        of a forward search: the training of its candidates, while it lasts
    climb/final/                 the network at the end, trained on for the epochs of the recipe
    random.json                  which random networks are trained for comparison
    best/                        the best network, for use
    picked/                      the best network within the budget that was asked for last, for use
    result.json                  the answer
"""

from __future__ import annotations

from pathlib import Path

from presage.search.climbing import OWNER
from presage.search.run.run_folder import RunFolder

__all__ = ["ClimbFolder"]


class ClimbFolder(RunFolder):
    """Paths within it, and its settings."""

    owner = OWNER

    @property
    def asked(self) -> Path:
        """What was asked for."""
        return self.path / "grow.json"

    def child(self, step: int, number: int) -> Path:
        """Folder of a child, both counted from 1."""
        return self.path / "climb" / f"{step}-{number}"

    @property
    def picked(self) -> Path:
        """Folder of the network that a budget picked."""
        return self.path / "picked"

    @property
    def last(self) -> Path:
        """Folder of the network at the end of the climb, trained on."""
        return self.path / "climb" / "final"
