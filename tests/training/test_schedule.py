from __future__ import annotations

import pytest

from presage.training.schedule import rate_share


def test_one_cycle_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = [rate_share("one_cycle", 0.25, step, 100) for step in range(100)]
    assert rates.index(max(rates)) == 25
    assert rates[25] == pytest.approx(1.0)
    assert rates[0] < 0.1
    assert rates[-1] < 0.01
    assert rates[:26] == sorted(rates[:26])
    assert rates[25:] == sorted(rates[25:], reverse=True)


def test_constant_is_the_highest_throughout() -> None:
    assert {rate_share("constant", 0.2, step, 9) for step in range(9)} == {1.0}
