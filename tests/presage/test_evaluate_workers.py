"""`presage evaluate --workers`: the same answer, from the same kept folds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from presage.surrogate.data.experience import Experience


def test_evaluate_by_workers_finds_the_same_folds(
    presage: Callable, experienced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("evaluate", "--predictors", "cost-only", "--studies", "none", "--database", experienced, "--json")
    by_workers = presage(*words, "--workers", "2").json
    monkeypatch.setattr(Experience, "take", None)  # nothing is fitted any more
    assert presage(*words).json == by_workers


def test_evaluate_takes_workers_of_this_machine_alone(presage: Callable, experienced: Path) -> None:
    outcome = presage("evaluate", "--predictors", "cost-only", "--workers", "ray", "--database", experienced)
    assert outcome.code == 2
    assert "The `--workers` of `presage evaluate` must be auto, or a whole number" in outcome.err
