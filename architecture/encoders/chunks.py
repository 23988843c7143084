"""Encode many architectures a piece at a time, so that a piece's arrays stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from architecture.batch import GraphBatch

__all__ = ["CHUNK", "chunks"]

CHUNK = 1024
"""Architectures in a piece."""


def chunks(batch: GraphBatch) -> Iterator[GraphBatch]:
    """The batch in pieces of at most `CHUNK`, in order; at least one piece."""
    if len(batch) <= CHUNK:
        yield batch
        return
    for start in range(0, len(batch), CHUNK):
        yield batch.take(np.arange(start, min(start + CHUNK, len(batch))))
