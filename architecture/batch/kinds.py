"""`table`: operations as a mask over kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.operations import KIND, OPERATIONS

__all__ = ["table"]


def table(*operations: type[Any]) -> NDArray[np.bool_]:
    """(kinds,) which kinds these are: index it with a batch's `kind`."""
    found = np.zeros(len(OPERATIONS), np.bool_)
    found[[KIND[operation] for operation in operations]] = True
    return found
