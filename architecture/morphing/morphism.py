"""`Morphism`: a larger network, and where each of its weights comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from presage.architecture.graph import Architecture

__all__ = ["FRESH", "Ints", "Morphism", "Start"]

Ints = NDArray[np.int64]

FRESH = -1
"""In place of the node that another comes from: there was none."""


class Start(Enum):
    """What the weights of a node that was not there before begin with."""

    DRAWN = "drawn at random, as in any network"
    IDENTITY = "so that the node hands its input on"
    ZERO = "so that the node gives zeros"


@dataclass(frozen=True, eq=False)
class Morphism:
    """A network that computes what another does, once the weights are set as it says (arXiv 1603.01670).

    Attributes:
        architecture: the larger network, its nodes in an order that is not canonical.
        how: what was done, in words.
        origins: of each of its nodes, the node of the smaller network that it was, or `FRESH`.
        starts: of each fresh node with weights, what they begin with.
        sources: of each node of the smaller network, (c',): the channel that each channel is a copy of; None where no
            node has other channels than before.
    """

    architecture: Architecture
    how: str
    origins: tuple[int, ...]
    starts: Mapping[int, Start] = field(default_factory=dict)
    sources: tuple[Ints, ...] | None = None
