"""`presage evaluate --matrix`: shown where it is asked for, with the cells that little experience leaves empty."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def test_evaluate_shows_the_matrix_where_it_is_asked_for(presage: Callable, experienced: Path) -> None:
    words = ("evaluate", "--predictors", "cost-only", "--studies", "none", "--folds", "2", "--draws", "1")
    words = (*words, "--database", experienced)
    assert presage(*words, "--quiet", "--json").json["matrix"] is None
    outcome = presage(*words, "--matrix", "--json")
    assert "evaluate the matrix" in outcome.err
    cells = {(cell["recipe"], cell["sizes"]): cell for cell in outcome.json["matrix"]["cells"]}
    assert cells["usual", "known"]["tasks"] == 4
    assert cells["richer", "known"]["tasks"] == 0
    told = presage(*words, "--matrix", "--quiet").out
    assert "`cost-only` away from experience: datasets left out in 2 parts" in told
    assert "Too few tasks to say much" in told
