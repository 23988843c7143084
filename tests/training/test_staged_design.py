"""The design of staged networks: fixed, without repeats, each round with one recipe for three networks."""

from __future__ import annotations

import hashlib
import itertools
import json

import pytest

from presage.architecture.spaces import get_space
from presage.records import DatasetRecord
from presage.training.design import Planned
from presage.training.design_limits import affordable, estimated
from presage.training.recipe import Recipe
from presage.training.staged_design import ROUND, STAGED_RECIPES, staged_sequence

LARGE = DatasetRecord("0123456789abcdef" * 4, "large", 10, 3, 32, 32, 50_000, 0)
SMALL = DatasetRecord("fedcba9876543210" * 4, "small", 40, 1, 32, 32, 320, 0)


@pytest.fixture(scope="module")
def planned() -> list[Planned]:
    return list(itertools.islice(staged_sequence(LARGE), 7 * ROUND))


def test_the_sequence_is_what_experiments_were_made_by(planned: list[Planned]) -> None:
    told = [[one.candidate.params, one.recipe and one.recipe.hash] for one in planned]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    assert digest == "bb28277c15812ab0a68974e9839b9d2b68dd7ffce223f933cc5a288689da0595"


def test_each_round_orders_three_networks_by_one_recipe_and_pairs_two_of_them(planned: list[Planned]) -> None:
    for start in range(0, len(planned), ROUND):
        first, second, third, again, other = planned[start : start + ROUND]
        assert first.recipe == second.recipe == third.recipe
        assert first.recipe in STAGED_RECIPES
        assert len({one.candidate.architecture.hash for one in (first, second, third)}) == 3
        assert (again.candidate, again.recipe) == (first.candidate, Recipe())
        assert other.candidate == second.candidate
        assert other.recipe in STAGED_RECIPES
        assert other.recipe != first.recipe
    assert {one.recipe for one in planned[::ROUND]} == set(STAGED_RECIPES)


def test_nothing_is_planned_twice_and_all_is_of_the_space(planned: list[Planned]) -> None:
    assert [one.position for one in planned] == list(range(len(planned)))
    assert len({(one.candidate.architecture.hash, one.recipe) for one in planned}) == len(planned)
    for one in planned[::ROUND]:
        assert get_space(one.candidate.space).decode(one.candidate.params) == one.candidate.architecture


def test_datasets_begin_with_other_recipes_and_other_networks() -> None:
    first, other = (next(staged_sequence(dataset)) for dataset in (LARGE, SMALL))
    assert first.candidate != other.candidate


def test_what_costs_too_much_is_passed_over() -> None:
    kept = list(itertools.islice(affordable(staged_sequence(SMALL), SMALL, 10.0), 8))
    assert max(estimated(one, SMALL) for one in kept) <= 10.0
