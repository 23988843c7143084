"""What a model of the objective sees of a network: features of its graph, on one scale."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.batch.costs import batch_costs
from presage.architecture.encoders import cost_features, graph_features
from presage.architecture.spaces.space import Codes, Space
from presage.search.samplers.functions import functions_of
from presage.search.samplers.suggested import SuggestedSpace

__all__ = ["NetworkFeatures", "network_features"]

Singles = NDArray[np.float32]
REFERENCE = 512
"""Networks of the space whose mean and spread are the scale."""
CLIP = 4.0
KEPT = 20_000
"""Most networks that are remembered."""


class NetworkFeatures:
    """Codes (n, p) → features (n, f): `graph_features` and `cost_features`, standardised on random networks of the
    space and scaled so that two of them are 1 apart in the median.

    The scale is that of the space, not of the networks seen so far: a handful of them says little about it. Networks
    that compute the same have the same features. The parameters of an ordinary study stand for themselves.

    What was encoded is kept, since a search looks at the neighbours of its best again and again.

    Args:
        space: of the codes.
        input_shape, classes: of the images; costs and resolutions are for these.
    """

    def __init__(self, space: Space, input_shape: Sequence[int] = (3, 32, 32), classes: int = 10) -> None:
        self.space, self.input_shape, self.classes = space, tuple(input_shape), classes
        reference = self._raw(space.sample(REFERENCE, np.random.default_rng(0)))
        deviation = reference.std(axis=0)
        self._columns = np.flatnonzero(deviation > 1e-6)
        self._centre, self._deviation = reference.mean(axis=0)[self._columns], deviation[self._columns]
        scaled = self._standard(reference)
        apart = np.sqrt(((scaled[: REFERENCE // 2] - scaled[REFERENCE // 2 :]) ** 2).sum(axis=1))
        self._unit = np.float32(np.median(apart[apart > 0])) if (apart > 0).any() else np.float32(1.0)
        self._features = _Kept(lambda codes: self._standard(self._raw(codes)) / self._unit)
        self._sizes, self._functions = _Kept(self._size), _Kept(functions_of(space))

    def __call__(self, codes: Codes) -> Singles:
        """(n, f) of normalised codes (n, p)."""
        return np.asarray(self._features(codes), np.float32)

    def sizes(self, codes: Codes) -> NDArray[np.float64]:
        """(n,) multiply-adds; of an ordinary study, the sum of the places of its parameters, each in [0, 1]."""
        return np.asarray(self._sizes(codes), np.float64)

    def functions(self, codes: Codes) -> NDArray[np.uint64]:
        """(n,) words, as `functions_of` gives them."""
        return np.asarray(self._functions(codes), np.uint64)

    def _standard(self, raw: Singles) -> Singles:
        scaled = (raw[:, self._columns] - self._centre) / self._deviation
        return np.asarray(np.clip(scaled, -CLIP, CLIP), np.float32)

    def _raw(self, codes: Codes) -> Singles:
        if isinstance(self.space, SuggestedSpace):
            return _choices(codes, self.space.sizes)
        graphs = self.space.decode_batch(codes)
        features = graph_features(graphs, self.input_shape)
        return np.concatenate([features, cost_features(graphs, self.input_shape, self.classes)], axis=1)

    def _size(self, codes: Codes) -> NDArray[np.float64]:
        if isinstance(self.space, SuggestedSpace):
            return np.asarray((codes / np.maximum(self.space.sizes - 1, 1)).sum(axis=1))
        found = batch_costs(self.space.decode_batch(codes), self.input_shape, self.classes)
        return found.multiply_adds.astype(np.float64)


class _Kept:
    """A function of codes, row by row, that remembers."""

    def __init__(self, work: Callable[[Codes], NDArray[Any]]) -> None:
        self._work = work
        self._rows: dict[bytes, int] = {}
        self._kept: NDArray[Any] | None = None
        self._lock = threading.Lock()  # threads of one study share a sampler

    def __call__(self, codes: Codes) -> NDArray[Any]:
        keys = [code.tobytes() for code in np.ascontiguousarray(codes)]
        with self._lock:
            if len(self._rows) > KEPT:
                self._rows, self._kept = {}, None
            fresh = {key: at for at, key in enumerate(keys) if key not in self._rows}
            if fresh or self._kept is None:
                found = self._work(codes[list(fresh.values())])
                self._rows.update(zip(fresh, range(len(self._rows), len(self._rows) + len(fresh)), strict=True))
                self._kept = found if self._kept is None else np.concatenate([self._kept, found])
            return self._kept[[self._rows[key] for key in keys]]


@lru_cache(maxsize=4)
def network_features(space: Space, input_shape: tuple[int, int, int], classes: int) -> NetworkFeatures:
    """The features of a space, shared by all samplers of a process: what one encoded, none encodes again."""
    return NetworkFeatures(space, input_shape, classes)


def _choices(codes: Codes, sizes: NDArray[np.int64]) -> Singles:
    """Each parameter as its place among its choices, and as one column per choice: it may have an order or not."""
    places = codes / np.maximum(sizes - 1, 1)
    each = [codes[:, [column]] == np.arange(size) for column, size in enumerate(sizes.tolist())]
    return np.concatenate([places, *each], axis=1).astype(np.float32)
