"""Which candidates of a space compute the same function."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from presage.architecture.spaces.space import Codes, Space
from presage.search.sameness import network_keys
from presage.search.samplers.history import Words, code_words
from presage.search.samplers.suggested import SuggestedSpace

__all__ = ["functions_of"]


@lru_cache(maxsize=4)
def functions_of(space: Space) -> Words:
    """Normalised codes (n, p) of the space → a word each, the same for networks that compute the same
    (`network_keys`); of an ordinary study, the codes'. One callable for each space, so that what a history knows by
    it is kept."""
    if isinstance(space, SuggestedSpace):
        return code_words

    def words(codes: Codes) -> NDArray[np.uint64]:
        return network_keys(space.decode_batch(codes))

    return words
