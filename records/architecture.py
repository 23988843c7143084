"""`ArchitectureRecord`: a network by the hash of its canonical JSON."""

from __future__ import annotations

from dataclasses import dataclass

from presage.records.graph import GraphRecord

__all__ = ["ArchitectureRecord"]


@dataclass(frozen=True)
class ArchitectureRecord(GraphRecord):
    """A network in canonical form."""

    row, table = "architecture", "architectures"
