"""A shrinking's folder: what is needed to go on with it, owned by one process at a time.

::

    shrink.json                  what was asked for; when resumed, the same must be
    latency.json                 what estimates latencies, where a limit is about them
    versions.json                what will be trained: the network, the plain version, the short-list, as predicted
    networks/HASH/               a network that was trained: architecture, experiment, weights, checkpoint
    pruned/KIND/                 a trained network with fewer channels, trained on: the same
    best/                        the best smaller version, for use
    result.json                  the answer
"""

from __future__ import annotations

from pathlib import Path

from presage.search.run.run_folder import RunFolder
from presage.search.shrinking import OWNER

__all__ = ["ShrinkFolder"]


class ShrinkFolder(RunFolder):
    """Paths within it, and its settings."""

    owner = OWNER

    @property
    def asked(self) -> Path:
        """What was asked for."""
        return self.path / "shrink.json"

    @property
    def versions(self) -> Path:
        """What will be trained."""
        return self.path / "versions.json"

    def pruned(self, kind: str) -> Path:
        """Folder of a trained network that was pruned in one of the ways that there are."""
        return self.path / "pruned" / kind
