"""Which known datasets are like this one: by difficulty, and by how they look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from presage.errors import InvalidArgument
from presage.probe.protocol import PROBE_VERSION

__all__ = ["KnownDataset", "Neighbour", "nearest"]


class KnownDataset(NamedTuple):
    """A dataset that has been probed: name, mean DCN and, where at hand, its description and fingerprint."""

    name: str
    dcn: float
    description: Mapping[str, float] | None = None
    fingerprint: str | None = None
    version: str = PROBE_VERSION


@dataclass(frozen=True)
class Neighbour:
    """A known dataset and how far it is.

    Attributes:
        dcn_difference: its DCN minus this one's.
        description_distance: root mean square difference of the descriptions, each number in standard deviations over
            the datasets compared; None where either has none.
        distance: what neighbours are ranked by: DCN difference in standard deviations, and the description distance,
            as the two sides of a right angle.
    """

    name: str
    dcn: float
    dcn_difference: float
    description_distance: float | None
    distance: float


def nearest(here: KnownDataset, known: Sequence[KnownDataset], *, most: int = 3) -> tuple[Neighbour, ...]:
    """The `most` datasets of `known` nearest to `here`, nearest first. `here` itself (its fingerprint) is left out.

    Raises:
        InvalidArgument: a known dataset was probed by another version; two versions are never compared.
    """
    for item in known:
        if item.version != here.version:
            raise InvalidArgument("known", "nearest", f"be probed by version {here.version}", (item.name, item.version))
    others = [item for item in known if item.fingerprint is None or item.fingerprint != here.fingerprint]
    if not others:
        return ()
    scale = float(np.std([item.dcn for item in (here, *others)])) or 1.0
    names, spreads = _spreads([item.description for item in (here, *others)])
    neighbours = []
    for item in others:
        difference = item.dcn - here.dcn
        apart = None
        if here.description is not None and item.description is not None:
            steps = [
                (item.description[name] - here.description[name]) / spread
                for name, spread in zip(names, spreads, strict=True)
            ]
            apart = float(np.sqrt(np.mean(np.square(steps)))) if steps else 0.0
        distance = float(np.hypot(difference / scale, apart or 0.0))
        neighbours.append(Neighbour(item.name, item.dcn, difference, apart, distance))
    return tuple(sorted(neighbours, key=lambda neighbour: neighbour.distance)[:most])


def _spreads(descriptions: Sequence[Mapping[str, float] | None]) -> tuple[list[str], list[float]]:
    """Names that every description has and that vary, and the standard deviation of each."""
    given = [description for description in descriptions if description is not None]
    shared = [name for name in given[0] if all(name in other for other in given)] if given else []
    deviations = {name: float(np.std([other[name] for other in given])) for name in shared}
    varying = [name for name in shared if deviations[name] > 1e-12]
    return varying, [deviations[name] for name in varying]
