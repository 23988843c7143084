"""The ground of presage: what a dataset, architecture, recipe, experiment, probe and prediction *are*.

Fields, identity, references, validation and line format, written once; used by training, database and search alike.
Needs neither torch nor DuckDB, not even NumPy.
"""

from __future__ import annotations

from presage.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
