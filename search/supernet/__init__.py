"""Searches on shared weights: super-nets that hold every network of a space, trained on the user's own dataset.

What a super-net says of a network is its *proxy* accuracy: not predicted from experience, and not that of the network
trained by itself.
"""

from __future__ import annotations

from presage.search.supernet.collapse import Collapse, Guard
from presage.search.supernet.enas import Enas, Uniform
from presage.search.supernet.gradient import DartsFirst, DartsSecond, PartialChannels
from presage.search.supernet.one_shot import OneShot, OneShotSettings, SupernetEpoch, SupernetReport

__all__ = [
    "ONE_SHOT",
    "Collapse",
    "DartsFirst",
    "DartsSecond",
    "Enas",
    "Guard",
    "OneShot",
    "OneShotSettings",
    "PartialChannels",
    "SupernetEpoch",
    "SupernetReport",
    "Uniform",
]

_METHODS: tuple[type[OneShot], ...] = (Enas, DartsFirst, DartsSecond, PartialChannels, Uniform)
ONE_SHOT: dict[str, type[OneShot]] = {method.name: method for method in _METHODS}
"""Name of the strategy → search on shared weights."""
