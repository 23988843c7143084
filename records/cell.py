"""`CellRecord`: a recurrent cell by the hash of its canonical JSON."""

from __future__ import annotations

from dataclasses import dataclass

from presage.records.graph import GraphRecord

__all__ = ["CellRecord"]


@dataclass(frozen=True)
class CellRecord(GraphRecord):
    """A recurrent cell in canonical form."""

    row, table = "cell", "cells"
