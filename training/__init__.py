"""The training floor of presage: datasets, recipes, the one training loop, and campaigns of experiments.

It yields records and knows no database.
"""

from __future__ import annotations

from presage.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
