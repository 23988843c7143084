"""Searches on shared weights: super-nets that hold every network of a space, trained on the user's own dataset.

What a super-net says of a network is its *proxy* accuracy: not predicted from experience, and not that of the network
trained by itself. By name they are asked for in `presage.search.strategies`. Names are imported when first used.
"""

from __future__ import annotations

from presage.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
