"""Values of different proxies made comparable."""

from __future__ import annotations

import math

import pytest

from presage.errors import InvalidArgument
from presage.surrogate.proxies import WORST, within_ranks


def test_ranks_are_scaled_and_ties_share_theirs() -> None:
    assert within_ranks([3.0, WORST, 7.0, 3.0]).tolist() == pytest.approx([0.5, 0.0, 1.0, 0.5])
    assert within_ranks([2.0]).tolist() == [0.5]
    assert within_ranks([2.0, 2.0]).tolist() == [0.5, 0.5]
    with pytest.raises(InvalidArgument, match="finite"):
        within_ranks([1.0, math.inf])
