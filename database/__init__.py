"""The lifelong database of experiments: rows and SQL, and the only importer of DuckDB.

It knows neither torch nor Optuna nor what an architecture is. The seed of shipped experiments lies in ``seed/``.
"""

from __future__ import annotations

from presage.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
