"""What was read of trainings that were done elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from presage.database.write import Placed, Refusal

__all__ = ["UNKNOWN", "ImportedTrainings"]

UNKNOWN = "unknown"
"""Device and precision of trainings that were done elsewhere."""


@dataclass
class ImportedTrainings:
    """Entries for the database, rows that are none, and what the reader should know."""

    placed: list[Placed] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
