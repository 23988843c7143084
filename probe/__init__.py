"""The probe floor of presage: how hard is a dataset?

A short run of the deep normalised probe net (arXiv 1803.09588) gives the Dataset Characterization Number; the
difficulty card says what that one number hides. Knows no database and no predictor.
"""

from __future__ import annotations

from presage.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
