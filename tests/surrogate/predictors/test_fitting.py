"""Fitting side by side gives what fitting one after the other gives."""

from __future__ import annotations

import os
import threading
import time
from functools import partial

import numpy as np
import pytest

from presage.surrogate.predictors.boosted_trees import BoostedTrees
from presage.surrogate.predictors.fitting import fit_all
from presage.surrogate.predictors.kernel_ridge import KernelRidge
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.side_by_side import side_by_side
from presage.surrogate.predictors.tap_lstm import TapLSTM
from presage.surrogate.testing import synthetic_experience


def test_threads_change_no_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    experience = synthetic_experience(4, 24)
    values: list[list[np.ndarray]] = []
    for cores in (1, 4):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        predictors: list[Predictor] = [
            TapLSTM(epochs=2, bags=2, folds=3),
            BoostedTrees(trees=20, folds=2),
            KernelRidge(folds=2),
        ]
        fit_all(predictors, synthetic_experience(4, 24))
        task = experience.tasks[1]
        values.append([predictor.predict(experience.graphs, task).value for predictor in predictors])
    for one, other in zip(*values, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_an_error_in_one_is_raised() -> None:
    with pytest.raises(ValueError, match="`folds` of `KernelRidge`"):
        fit_all([BoostedTrees(trees=5, folds=2), KernelRidge(folds=1)], synthetic_experience(3, 10))


def test_parts_of_a_part_run_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what each gives stands in its place."""
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    seen: list[int] = []

    def part(number: int) -> list[int]:
        names = side_by_side([threading.get_ident] * 3)
        assert set(names) == {threading.get_ident()}
        seen.append(threading.get_ident())
        return [number]

    assert side_by_side([partial(part, number) for number in range(6)]) == [[number] for number in range(6)]
    assert threading.get_ident() not in seen


def test_after_an_error_no_further_part_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    begun: list[int] = []

    def part(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise ValueError("the first")
        time.sleep(0.2)

    with pytest.raises(ValueError, match="the first"):
        side_by_side([partial(part, number) for number in range(40)])
    assert len(begun) < 20
