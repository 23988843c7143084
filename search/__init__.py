"""The search floor of presage: strategies as Optuna samplers, predicted and verified studies, and the engine.

Names are imported when first used: Optuna and torch take seconds.
"""

from __future__ import annotations

from presage.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
