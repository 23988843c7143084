"""Layer sequences of many networks on many tasks, stored without padding, and where accuracies by depth were read out.

A batch is padded to its own longest network when it is read (`padded`): one network of 300 layers among thousands of
twenty costs its own layers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from presage.architecture.batch.graph_batch import GraphBatch
    from presage.architecture.encoders import RaggedLayers

__all__ = ["Sequences", "depth_steps", "gathered", "layer_names", "padded", "places", "starts_of"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sequences:
    """Layers of n networks: those of network i are rows ``starts[i] : starts[i] + lengths[i]`` of what is stored.

    Some of the networks are a view of the same storage (`take`): no layer is copied.

    Attributes:
        stored: (s, f) layers, columns as in `LAYER_FEATURE_NAMES`.
        stored_nodes: (s,) position of each layer's node in its architecture.
        starts: (n,) first layer of each network.
        lengths: (n,) number of layers of each network, at least 1.
    """

    stored: NDArray[np.float32]
    stored_nodes: Ints
    starts: Ints
    lengths: Ints

    @classmethod
    def of(cls, ragged: RaggedLayers) -> Sequences:
        """What an encoder gave, as it is."""
        return cls(ragged.values, ragged.nodes, starts_of(ragged.lengths), ragged.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, rows: Ints) -> Sequences:
        """Some of the networks."""
        return Sequences(self.stored, self.stored_nodes, self.starts[rows], self.lengths[rows])

    @property
    def layers(self) -> NDArray[np.float32]:
        """(l, f) all layers of these networks, network by network."""
        return self.stored[places(self.starts, self.lengths)]

    def nodes(self, row: int) -> Ints:
        """(t,) position in its architecture of each layer's node, of one network."""
        return self.stored_nodes[self.starts[row] : self.starts[row] + self.lengths[row]]

    @cached_property
    def network(self) -> Ints:
        """(l,) which network each of `layers` is of."""
        return np.repeat(np.arange(len(self)), self.lengths)


def layer_names() -> tuple[str, ...]:
    """Names of the columns of `Sequences.layers`."""
    from presage.architecture.encoders import LAYER_FEATURE_NAMES

    return LAYER_FEATURE_NAMES


def starts_of(lengths: Ints) -> Ints:
    """(n,) first row of each network where networks of these lengths stand one after another."""
    return np.asarray(np.cumsum(lengths) - lengths)


def places(starts: Ints, lengths: Ints) -> Ints:
    """(l,) rows of networks that begin at `starts` and are of these lengths, network by network."""
    return np.asarray(np.arange(int(lengths.sum())) + np.repeat(starts - starts_of(lengths), lengths))


def padded(flat: NDArray[np.float32], starts: Ints, lengths: Ints, fill: float = 0.0) -> NDArray[np.float32]:
    """(b, t, …) rows of `flat` (l, …), network by network; `fill` past the end of those shorter than the longest."""
    inside = np.arange(int(lengths.max(initial=1))) < lengths[:, None]  # (b, t)
    found = np.full((*inside.shape, *flat.shape[1:]), fill, np.float32)
    found[inside] = flat[places(starts, lengths)]
    return found


def gathered(parts: Sequence[tuple[Ints, Sequences]], n: int) -> Sequences:
    """One of n rows from parts that each hold their layers as an encoder gave them, with the rows that each fills."""
    starts, lengths, before = np.zeros(n, np.int64), np.ones(n, np.int64), 0
    for rows, part in parts:
        starts[rows], lengths[rows] = part.starts + before, part.lengths
        before += len(part.stored)
    stored = np.concatenate([part.stored for _, part in parts])
    return Sequences(stored, np.concatenate([part.stored_nodes for _, part in parts]), starts, lengths)


def depth_steps(
    sequences: Sequences,
    graphs: GraphBatch,
    hashes: NDArray[np.str_],
    depth_accuracies: Sequence[Sequence[float]],
) -> Ints:
    """(l,) which accuracy by depth was read out after each of `sequences.layers`, -1 for none.

    The readings of a network stand at its `stage_ends`; the step of a reading is the last layer at or before its node.
    Rows whose number of readings differs from that of their stage ends have none.

    Args:
        sequences: of the n networks.
        graphs: the n networks.
        hashes: (n,) theirs.
        depth_accuracies: the readings of each.
    """
    from presage.architecture.stages import stage_ends

    steps, starts = np.full(int(sequences.lengths.sum()), -1, np.int64), starts_of(sequences.lengths)
    known: dict[str, tuple[int, ...]] = {}
    for row, readings in enumerate(depth_accuracies):
        if not readings:
            continue
        key = str(hashes[row])
        if key not in known:
            known[key] = stage_ends(graphs.architecture(row))
        if len(known[key]) != len(readings):
            continue
        nodes = sequences.nodes(row)
        for reading, node in enumerate(known[key]):
            before = int(np.count_nonzero(nodes <= node))
            if before:
                steps[starts[row] + before - 1] = reading
    return steps
