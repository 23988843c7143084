"""Encode many architectures a piece at a time: pieces fit the processor's cache, and its cores share them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import TypeVar

import numpy as np

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.batch.shapes import BatchShapes, batch_shapes
from presage.architecture.encoders.canonical_view import CanonicalView
from presage.errors import InvalidArchitecture

__all__ = ["CHUNK", "chunks", "of_each_chunk"]

T = TypeVar("T")

CHUNK = 1024
"""Most architectures in a piece."""
NODES = 80_000
"""Nodes in a piece, about: what is worked out of more leaves the cache before it is used."""
FEW = 256
"""Architectures not worth sharing between cores."""
MOST_WORKERS = 8


def chunks(batch: GraphBatch) -> Sequence[GraphBatch]:
    """The batch in pieces of at most `CHUNK`, in order, at least one; kept, with what encoders work out of them."""
    if len(batch) <= FEW:
        return (batch,)
    return batch.derived(_Pieces, (), lambda: _cut(batch))


class _Pieces(tuple[GraphBatch, ...]):
    """A batch, cut."""


def _cut(batch: GraphBatch) -> _Pieces:
    number = max(2, -(-len(batch) // CHUNK), round(len(batch.kind) / NODES))
    number = min(number + -number % _workers(number), len(batch))  # so that no core waits for the last piece
    bounds = np.linspace(0, len(batch), number + 1).astype(int).tolist()
    pieces = _Pieces(batch.between(start, stop) for start, stop in pairwise(bounds))
    known = batch.kept(BatchShapes)
    if known is not None:  # those of twins cannot be worked out again
        images, shapes = known
        for piece, (start, stop) in zip(pieces, pairwise(bounds), strict=True):
            rows = slice(int(batch.node_start[start]), int(batch.node_start[stop]))
            piece.derived(BatchShapes, images, partial(shapes.between, rows))
    return pieces


def of_each_chunk(
    batch: GraphBatch, input_shape: Sequence[int], work: Callable[[CanonicalView], T], classes: int | None = None
) -> list[T]:
    """`work` of each piece's view, in order; in threads, for numpy computes outside Python's lock.

    Raises:
        InvalidArchitecture: where some architecture does not take such images; names it by its place in the batch.
    """
    pieces = chunks(batch)

    def worked(piece: GraphBatch) -> T:
        return work(CanonicalView.of(piece, input_shape, classes))

    workers = _workers(len(pieces))
    try:
        if workers == 1:
            return [worked(piece) for piece in pieces]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(worked, pieces))
    except InvalidArchitecture:
        batch_shapes(batch, input_shape)  # a piece knows but the place within itself
        raise


def _workers(pieces: int) -> int:
    return min(pieces, os.cpu_count() or 1, MOST_WORKERS)
