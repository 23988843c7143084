"""Acquisitions against hand-computed numbers, Pareto ranks against brute force, and what the short-list keeps to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from presage.errors import UnknownName
from presage.search.studies.acquisition import expected_improvement, get_acquisition, mean, upper_bound
from presage.search.studies.predicted import Candidates
from presage.search.studies.shortlist import pareto_ranks, shortlist


def test_upper_bound_by_hand() -> None:
    # a 90 % interval of ±1.644854 is a standard deviation of 1; the bound adds half of it
    value, half = np.array([0.5, 0.7]), 1.6448536269514722
    found = upper_bound(value, value - half, value + half, 0.9, 0.0)
    np.testing.assert_allclose(found, [1.0, 1.2])


def test_expected_improvement_is_the_integral_it_stands_for() -> None:
    value, half = np.array([0.2, 0.9, -3.0]), 1.6448536269514722 * 0.3
    found = expected_improvement(value, value - half, value + half, 0.9, 0.6)
    for at in range(3):
        wanted, _ = quad(lambda y, at=at: (y - 0.6) * norm.pdf(y, value[at], 0.3), 0.6, 4.0)
        assert found[at] == pytest.approx(wanted, abs=1e-9)


def test_expected_improvement_is_finite_and_monotone_over_decades() -> None:
    for exponent in range(-12, 4):
        value = np.linspace(-1, 1, 201)
        half = np.full(201, 10.0**exponent)
        found = expected_improvement(value, value - half, value + half, 0.9, 0.0)
        assert np.isfinite(found).all()
        assert (np.diff(found) >= -1e-15).all()


def test_an_unknown_acquisition_is_named() -> None:
    with pytest.raises(UnknownName, match="No acquisition is named `uci`"):
        get_acquisition("uci")


def test_pareto_ranks_match_brute_force() -> None:
    values = np.random.default_rng(0).integers(0, 6, (60, 3)).astype(float)
    left, rank, wanted = set(range(60)), 0, np.zeros(60, int)
    while left:
        front = [
            i for i in left if not any((values[j] >= values[i]).all() and (values[j] > values[i]).any() for j in left)
        ]
        wanted[front] = rank
        left -= set(front)
        rank += 1
    assert pareto_ranks(values).tolist() == wanted.tolist()


def _candidates(value: list[float], codes: list[list[int]] | None = None, first: list[int] | None = None) -> Candidates:
    m = len(value)
    column = np.array(value)
    return Candidates(
        codes=np.array(codes if codes is not None else [[at] * 4 for at in range(m)]),
        value=column,
        lower=column - 0.1,
        upper=column + 0.1,
        level=0.9,
        costs=np.array([[100 * (at + 1)] * 3 for at in range(m)]),
        latency=np.full(m, np.nan),
        first=np.array(first if first is not None else range(m)),
    )


def _rows(candidates: Candidates, count: int, **options: object) -> list[int]:
    hashes = options.pop("hashes", [f"h{at}" for at in range(len(candidates))])
    return [
        choice.row
        for choice in shortlist(
            candidates,
            lambda row: hashes[row],  # type: ignore[index]
            count,
            acquisition=mean,
            best=0.0,
            **options,  # type: ignore[arg-type]
        )
    ]


def test_without_diversity_the_highest_come_in_order() -> None:
    assert _rows(_candidates([0.1, 0.9, 0.5, 0.7]), 3, diversity=0.0) == [1, 3, 2]


def test_a_network_is_chosen_once_however_often_it_was_proposed() -> None:
    repeated = _candidates([0.9, 0.9, 0.5], first=[0, 0, 2])
    assert _rows(repeated, 3) == [0, 2]
    equal_hash = _candidates([0.9, 0.8, 0.5])
    assert _rows(equal_hash, 3, hashes=["a", "a", "b"]) == [0, 2]


def test_what_was_trained_before_is_never_chosen() -> None:
    assert _rows(_candidates([0.9, 0.8, 0.5]), 2, excluded={"h0"}, diversity=0.0) == [1, 2]


def test_candidates_without_a_score_are_never_chosen() -> None:
    assert _rows(_candidates([np.nan, 0.8]), 2) == [1]
    assert _rows(_candidates([np.nan]), 2) == []


def test_diversity_prefers_another_network_to_a_near_copy() -> None:
    codes = [[0, 0, 0, 0], [0, 0, 0, 1], [5, 5, 5, 5], [0, 1, 0, 0]]
    close = _candidates([0.90, 0.89, 0.88, 0.80], codes)
    assert _rows(close, 2, diversity=0.0) == [0, 1]
    assert _rows(close, 2, diversity=0.5) == [0, 2]


def test_what_is_assured_comes_first_unless_it_was_trained_before() -> None:
    candidates = _candidates([0.9, 0.8, 0.1, 0.2])
    assert _rows(candidates, 3, assured=[2, 3], diversity=0.0) == [2, 3, 0]
    assert _rows(candidates, 1, assured=[2, 3]) == [2]
    assert _rows(candidates, 3, assured=[2, 3], excluded={"h2"}, diversity=0.0) == [3, 0, 1]


def test_what_is_like_an_assured_network_is_as_little_wanted_as_what_is_like_a_chosen_one() -> None:
    codes = [[0, 0, 0, 0], [0, 0, 0, 1], [5, 5, 5, 5], [9, 9, 9, 9]]
    candidates = _candidates([0.80, 0.90, 0.89, 0.70], codes)
    assert _rows(candidates, 3, assured=[0, 3], diversity=0.5) == [0, 3, 2]


def test_with_several_objectives_the_pareto_front_comes_first() -> None:
    # costs rise with the row: rows 0, 2 and 3 are not beaten; row 1 is beaten by row 0
    candidates = _candidates([0.5, 0.4, 0.6, 0.9])
    assert set(_rows(candidates, 3, objectives=("accuracy", "parameters"))) == {0, 2, 3}
