"""Whether intervals are wide where predictions are wrong: by hand."""

from __future__ import annotations

import numpy as np
import pytest

from presage.surrogate.evaluation.interval_study import interval_measures, interval_table
from presage.surrogate.evaluation.outcomes import Outcome
from presage.surrogate.predictors.prediction import Prediction
from presage.surrogate.testing import synthetic_task


def outcome(number: int, errors: list[float], halves: list[float]) -> Outcome:
    """Networks whose truth lies `errors` above a prediction of .5, with intervals of ± `halves`."""
    value, half = np.full(len(errors), 0.5), np.array(halves)
    task, nothing = synthetic_task(number), np.array([], np.str_)
    hashes = np.array([str(row) for row in range(len(errors))])
    said = {"own": Prediction(value, value - half, value + half, 0.9)}
    return Outcome(task, (task.fingerprint,), 4, hashes, value + errors, np.zeros((2, 0)), nothing, said)


def test_by_hand() -> None:
    outcomes = [
        outcome(1, [0.01, -0.02, 0.03, 0.04], [0.05, 0.06, 0.07, 0.08]),  # all within, wide where wrong
        outcome(2, [0.1, 0.2, 0.3, -0.4], [0.4, 0.3, 0.2, 0.1]),  # half within, wide where right
        outcome(3, [0.1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.1]),  # on the bound, and nothing to order
    ]
    found = interval_measures(outcomes, "own")
    assert found["coverage"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert found["least_coverage"] == pytest.approx(0.5)
    assert found["share_well"] == pytest.approx(2 / 3)
    assert found["width"] == pytest.approx((0.13 + 0.5 + 0.2) / 3)
    assert found["within"] == pytest.approx((1 - 1 + 0) / 3)
    assert found["between"] == pytest.approx(1.0)
    assert interval_measures(outcomes[:2], "own")["between"] is None
    (row,) = interval_table(outcomes, ["own"]).rows
    assert row == ("own", "0.833", "0.500", "0.667", "0.277", "0.000", "1.000")
