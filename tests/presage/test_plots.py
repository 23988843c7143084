"""The report's plots."""

from __future__ import annotations

from presage.report.plots import difficulty_plot


def test_a_dataset_may_be_called_anything() -> None:
    picture = difficulty_plot("a$x^$<b>", [0.5], {"c$\\frac$": 0.7})
    assert "a$x^$&lt;b&gt;: 0.500" in picture
