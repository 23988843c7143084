"""`Codes`: how networks of a space are written as numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Choice", "Codes"]

Choice = str | int
"""What a parameter of a space may be."""
Codes = NDArray[np.int64]
"""(n, p): for each architecture the position of the choice of each parameter."""
