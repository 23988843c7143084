"""Samplers of Optuna, one strategy a file; most of them also propose whole batches (`BatchSampler`).

By name they are asked for in `presage.search.strategies`. Names are imported when first used.
"""

from __future__ import annotations

from presage.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
