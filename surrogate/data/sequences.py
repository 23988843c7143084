"""Layer sequences of many tasks side by side, and the steps at which accuracies by depth were read out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from presage.architecture.batch.graph_batch import GraphBatch
    from presage.architecture.encoders import LayerSequence

__all__ = ["depth_steps", "gathered", "layer_names", "longest", "taken"]

Ints = NDArray[np.int64]


def layer_names() -> tuple[str, ...]:
    """Names of the columns of a `LayerSequence`."""
    from presage.architecture.encoders import LAYER_FEATURE_NAMES

    return LAYER_FEATURE_NAMES


def longest(lengths: Ints) -> int:
    """The most layers of any network, at least 1."""
    return int(lengths.max(initial=1))


def gathered(parts: Sequence[tuple[Ints, LayerSequence]], n: int) -> LayerSequence:
    """One sequence of n rows from parts, each with the rows that it fills; padded to the longest."""
    from presage.architecture.encoders import LayerSequence

    t = max(part.values.shape[1] for _, part in parts)
    values = np.zeros((n, t, parts[0][1].values.shape[2]), np.float32)
    lengths, nodes = np.ones(n, np.int64), np.full((n, t), -1, np.int64)
    for rows, part in parts:
        steps = part.values.shape[1]
        values[rows, :steps], nodes[rows, :steps], lengths[rows] = part.values, part.nodes, part.lengths
    return LayerSequence(values, lengths, nodes)


def taken(sequence: LayerSequence, rows: Ints) -> LayerSequence:
    """Some rows, cut to the longest of them."""
    from presage.architecture.encoders import LayerSequence

    lengths = sequence.lengths[rows]
    t = longest(lengths)
    return LayerSequence(sequence.values[rows, :t], lengths, sequence.nodes[rows, :t])


def depth_steps(
    sequences: LayerSequence,
    graphs: GraphBatch,
    hashes: NDArray[np.str_],
    depth_accuracies: Sequence[Sequence[float]],
) -> Ints:
    """(n, t) which accuracy by depth was read out after each step, -1 for none.

    The readings of a network stand at its `stage_ends`; the step of a reading is the last layer at or before its node.
    Rows whose number of readings differs from that of their stage ends have none.

    Args:
        sequences: of the n networks.
        graphs: the n networks.
        hashes: (n,) theirs.
        depth_accuracies: the readings of each.
    """
    from presage.architecture.stages import stage_ends

    steps = np.full(sequences.nodes.shape, -1, np.int64)
    known: dict[str, tuple[int, ...]] = {}
    for row, readings in enumerate(depth_accuracies):
        if not readings:
            continue
        key = str(hashes[row])
        if key not in known:
            known[key] = stage_ends(graphs.architecture(row))
        if len(known[key]) != len(readings):
            continue
        nodes = sequences.nodes[row, : sequences.lengths[row]]
        for reading, node in enumerate(known[key]):
            before = int(np.count_nonzero(nodes <= node))
            if before:
                steps[row, before - 1] = reading
    return steps
