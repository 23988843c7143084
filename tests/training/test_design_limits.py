"""Experiments that one can afford."""

from __future__ import annotations

import itertools

import pytest

from presage.errors import InvalidArgument
from presage.records.dataset import DatasetRecord
from presage.training.design_limits import affordable, estimated
from presage.training.recipe_design import recipe_sequence

LARGE = DatasetRecord("0123456789abcdef" * 4, "large", 10, 3, 32, 32, 50_000, 0)


def test_what_costs_more_is_passed_over_and_the_order_stays() -> None:
    whole = list(itertools.islice(recipe_sequence(LARGE), 48))
    cheap = [planned for planned in whole if estimated(planned, LARGE) <= 20]
    assert 0 < len(cheap) < len(whole)
    found = list(itertools.islice(affordable(recipe_sequence(LARGE), LARGE, 20), len(cheap)))
    assert [planned.position for planned in found] == [planned.position for planned in cheap]


def test_a_limit_under_which_a_sequence_could_end_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="at least 10"):
        affordable(recipe_sequence(LARGE), LARGE, 2)
