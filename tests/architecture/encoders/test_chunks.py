"""How a batch is cut for encoding."""

from __future__ import annotations

import os

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.encoders.chunks import CHUNK, FEW, chunks
from presage.architecture.spaces import get_space


def sampled(n: int) -> GraphBatch:
    space = get_space("nb201:cells=1,width=4")
    return space.decode_batch(space.sample(n, np.random.default_rng(0)))


def test_a_few_architectures_stay_one_piece() -> None:
    batch = sampled(FEW)
    assert list(chunks(batch)) == [batch]


@pytest.mark.parametrize(("cores", "number"), [(1, 3), (2, 4), (8, 3)])
def test_cores_take_pieces_in_whole_rounds(cores: int, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    batch = sampled(2 * CHUNK + 1)
    pieces = chunks(batch)
    assert len(pieces) == number
    assert max(map(len, pieces)) <= CHUNK
    whole = GraphBatch.concatenate(pieces)
    np.testing.assert_array_equal(whole.attributes, batch.attributes)
    np.testing.assert_array_equal(whole.edge_source, batch.edge_source)
    assert chunks(batch) is pieces  # kept


def test_large_graphs_are_cut_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presage.architecture.encoders.chunks.NODES", 10_000)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    batch = sampled(CHUNK)
    assert len(chunks(batch)) == round(len(batch.kind) / 10_000) > 2
