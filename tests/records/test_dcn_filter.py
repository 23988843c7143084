"""TAPAS's filter, by hand."""

from __future__ import annotations

import pytest

from presage.records.dcn_filter import similar_datasets

KNOWN = {"a": 0.30, "b": 0.50, "c": 0.55, "d": 0.56, "e": 0.45}
COUNTS = {"a": 8, "b": 4, "c": 5, "d": 6, "e": 1, "not probed": 100}


@pytest.mark.parametrize(
    ("dcn", "tolerance", "least", "near", "reach"),
    [
        (0.50, 0.05, 1, ["b", "c", "e"], 0.05),  # 0.55 and 0.45 are exactly the tolerance away
        (0.50, 0.05, 10, ["b", "c", "e"], 0.05),
        (0.50, 0.05, 11, ["b", "c", "e", "d"], 0.06),
        (0.50, 0.05, 99, ["b", "c", "e", "d", "a"], 0.20),
        (0.90, 0.05, 1, ["d"], 0.34),
        (0.90, 0.05, 0, [], 0.05),
        (0.50, 0.0, 1, ["b"], 0.0),
    ],
)
def test_datasets_within_the_tolerance_and_as_many_more_as_are_needed(
    dcn: float, tolerance: float, least: int, near: list[str], reach: float
) -> None:
    found, allowed = similar_datasets(dcn, KNOWN, COUNTS, tolerance=tolerance, least=least)
    assert sorted(found) == sorted(near)
    assert [abs(KNOWN[key] - dcn) for key in found] == sorted(abs(KNOWN[key] - dcn) for key in found)
    assert allowed == pytest.approx(reach)
