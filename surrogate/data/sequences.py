"""Layer sequences of many tasks side by side, and the steps at which accuracies by depth were read out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.transform import to_logit

if TYPE_CHECKING:
    from presage.architecture.encoders import LayerSequence
    from presage.surrogate.data.experience import Experience
    from presage.surrogate.predictors.relative import RelativeScale

__all__ = ["depth_places", "depth_steps", "gathered", "layer_names", "longest", "taken"]

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


def depth_steps(experience: Experience) -> Ints:
    """(n, t) which accuracy by depth was read out after each step, -1 for none.

    The readings of a network stand at its `stage_ends`; the step of a reading is the last layer at or before its node.
    Rows whose number of readings differs from that of their stage ends have none.
    """
    from presage.architecture.stages import stage_ends

    sequences = experience.sequences
    steps = np.full(sequences.nodes.shape, -1, np.int64)
    known: dict[str, tuple[int, ...]] = {}
    for row, readings in enumerate(experience.depth_accuracies):
        if not readings:
            continue
        key = str(experience.hashes[row])
        if key not in known:
            known[key] = stage_ends(experience.graphs.architecture(row))
        if len(known[key]) != len(readings):
            continue
        nodes = sequences.nodes[row, : sequences.lengths[row]]
        for reading, node in enumerate(known[key]):
            before = int(np.count_nonzero(nodes <= node))
            if before:
                steps[row, before - 1] = reading
    return steps


def depth_places(experience: Experience, scale: RelativeScale) -> NDArray[np.float32]:
    """(n, t) the places of prefixes within their task, clipped to ±3.5; NaN where none was read out."""
    steps = experience.depth_steps
    places = np.full(steps.shape, np.nan, np.float32)
    for row, step in np.argwhere(steps >= 0):
        places[row, step] = experience.depth_accuracies[row][steps[row, step]]
    level = np.array([scale.of(task).level for task in experience.tasks])[experience.task_index]
    spread = np.array([scale.of(task).spread for task in experience.tasks])[experience.task_index]
    z = (to_logit(places) - level[:, None]) / spread[:, None]
    return np.asarray(np.clip(z, -3.5, 3.5), np.float32)
