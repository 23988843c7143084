"""Encode many architectures a piece at a time, so that a piece's arrays stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from architecture.batch import GraphBatch

__all__ = ["CHUNK", "chunks"]

CHUNK = 1024
"""Architectures in a piece."""


def chunks(batch: GraphBatch) -> Sequence[GraphBatch]:
    """The batch in pieces of at most `CHUNK`, in order, at least one; kept, with what encoders work out of them."""
    if len(batch) <= CHUNK:
        return (batch,)
    if not batch.pieces:
        for start in range(0, len(batch), CHUNK):
            batch.pieces.append(batch.take(np.arange(start, min(start + CHUNK, len(batch)))))
    return batch.pieces
