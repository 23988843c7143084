"""What a probe's curve tells of a dataset."""

from __future__ import annotations

import pytest

from presage.surrogate.data.logit import to_logit
from presage.surrogate.data.meta_features import PROBE_CURVE, curve_description


def test_what_a_curve_tells_is_the_mean_over_the_probes_seeds() -> None:
    found = curve_description([[0.1, 0.2, 0.3, 0.4, 0.5, 0.9], [0.3, 0.4, 0.5, 0.6, 0.7, 0.9]])
    assert found["probe_first"] == pytest.approx(0.2)
    assert found["probe_fifth"] == pytest.approx(0.6)
    assert found["probe_mean_logit"] == pytest.approx(to_logit([0.2, 0.3, 0.4, 0.5, 0.6, 0.9]).mean())
    assert set(found) == set(PROBE_CURVE)
    assert curve_description([[0.5]]) == curve_description([]) == {}
