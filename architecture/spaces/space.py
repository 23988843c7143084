"""`Space`: a set of architectures named by a fixed list of categorical parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.graph import Architecture
from presage.architecture.spaces.code_space import Categorical, CodeSpace, Mask
from presage.architecture.spaces.codes import Choice, Codes
from presage.architecture.spaces.relaxation import Relaxation

__all__ = ["Categorical", "Choice", "Codes", "Mask", "Space"]


@dataclass(frozen=True)
class Space(CodeSpace):
    """A search space of networks: a `CodeSpace` that says how its parameters become one.

    A subclass overrides `decode` (one architecture; simplest) or `decode_batch` (many at once, with a
    `GraphBatchBuilder`; fast): each has a default made of the other.
    """

    def decode(self, params: Mapping[str, Choice]) -> Architecture:
        """The architecture of these parameters (all must be named; inactive ones are ignored)."""
        return self.decode_batch(self.codes([params])).architecture(0)

    def decode_batch(self, codes: Codes) -> GraphBatch:
        """The architectures of (n, p) codes, equal to those of `decode`."""
        return GraphBatch.of(self.decode(self.params(code)) for code in codes)

    @property
    def references(self) -> tuple[Codes, ...]:
        """Networks that people build without a search: one (m, p) array, valid and normalised, for each kind of
        network, from its smallest size to its largest. A search scores them first and trains some beside what it
        finds, so that it never ends with less than a person would have begun with."""
        return ()

    @property
    def relaxation(self) -> Relaxation | None:
        """How the space is searched by gradient on shared weights; None where it cannot be."""
        return None
