from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.torch_bridge.build import build
from presage.records import DatasetRecord
from presage.training.design import Planned, core
from presage.training.recipe import Recipe
from presage.training.recipe_choice import (
    BASES,
    NAMED,
    choose_later_recipes,
    choose_recipes,
    joint_recipes,
    one_factor_recipes,
)
from presage.training.recipe_design import (
    MOST_MULTIPLY_ADDS,
    MOST_SECONDS,
    RECIPE_PARTS,
    ROUND,
    SCALED,
    estimated_seconds,
    recipe_sequence,
    recipes,
    sizes_of,
)
from presage.training.training_images import training_images

LARGE = DatasetRecord("0123456789abcdef" * 4, "large", 10, 3, 32, 32, 50_000, 0)
SMALL = DatasetRecord("fedcba9876543210" * 4, "small", 40, 1, 32, 32, 320, 0)
CORE = {candidate.architecture.hash for candidate in core()}


@pytest.fixture(scope="module")
def planned() -> list[Planned]:
    return list(itertools.islice(recipe_sequence(LARGE), 96))


@pytest.fixture(scope="module")
def small() -> list[Planned]:
    return list(itertools.islice(recipe_sequence(SMALL), 48))


def recipe(plan: Planned) -> Recipe:
    assert plan.recipe is not None
    return plan.recipe


def identity(plan: Planned) -> tuple[str, str, int]:
    return plan.candidate.architecture.hash, recipe(plan).hash, plan.seed


def seconds(plan: Planned, dataset: DatasetRecord) -> float:
    sizes = sizes_of(GraphBatch.of([plan.candidate.architecture]), dataset, recipe(plan).image_side)
    return float(estimated_seconds(sizes, dataset, recipe(plan))[0])


def test_a_longer_sequence_only_adds(planned: list[Planned]) -> None:
    again = list(itertools.islice(recipe_sequence(LARGE), 30))
    assert [identity(plan) for plan in again] == [identity(plan) for plan in planned[:30]]
    assert [plan.position for plan in planned] == list(range(len(planned)))


def test_the_first_parts_are_what_experience_was_made_by(planned: list[Planned], small: list[Planned]) -> None:
    for length, expected in ((4, "44ad06c0fdcca670"), (10, "369f58c0c0717963")):
        made = "".join("".join(map(str, identity(plan))) for plan in planned[:length] + small[:length])
        assert hashlib.sha256(made.encode()).hexdigest().startswith(expected)


def test_no_experiment_comes_twice(planned: list[Planned], small: list[Planned]) -> None:
    for plans in (planned, small):
        assert len({identity(plan) for plan in plans}) == len(plans)


def test_every_experiment_is_within_the_limits(planned: list[Planned], small: list[Planned]) -> None:
    for plans, dataset in ((planned, LARGE), (small, SMALL)):
        estimates = [seconds(plan, dataset) for plan in plans]
        assert max(estimates) <= MOST_SECONDS
        assert 10 <= np.mean(estimates) <= 60


def test_a_core_network_meets_a_recipe_that_it_was_not_shipped_with(planned: list[Planned]) -> None:
    met = [plan for plan in planned if plan.kind == "core"]
    assert {plan.candidate.architecture.hash for plan in met} <= CORE
    assert len({plan.candidate.architecture.hash for plan in met}) >= 25
    assert Recipe().hash not in {recipe(plan).hash for plan in met}


def test_scaled_networks_are_trained_by_two_recipes_or_more(planned: list[Planned]) -> None:
    by = Counter(plan.candidate.architecture.hash for plan in planned if plan.kind == "scaled")
    paired = sum(count for count in by.values() if count > 1)
    assert paired >= 0.75 * sum(by.values())
    assert not set(by) & CORE


def test_scaled_networks_are_large_deep_and_from_all_spaces() -> None:
    families: Counter[str] = Counter()
    sizes = []
    for row in range(8):
        dataset = replace(LARGE, fingerprint=hashlib.sha256(str(row).encode()).hexdigest())
        for plan in itertools.islice(recipe_sequence(dataset), 24):
            if plan.kind == "scaled":
                families[plan.candidate.space.partition(":")[0]] += 1
                counted = sizes_of(GraphBatch.of([plan.candidate.architecture]), dataset, recipe(plan).image_side)
                sizes.append(int(counted.multiply_adds[0]))
    assert set(families) == {names[0].partition(":")[0] for names in SCALED}
    assert min(families.values()) >= sum(families.values()) / len(families) / 4
    assert MOST_MULTIPLY_ADDS / 3 < max(sizes) <= MOST_MULTIPLY_ADDS


def test_a_round_trains_several_networks_by_its_focus(planned: list[Planned]) -> None:
    for start in range(sum(part.length or 0 for part in RECIPE_PARTS), 84, ROUND):
        most = Counter(recipe(plan).hash for plan in planned[start : start + ROUND]).most_common(1)
        assert most[0][1] >= 5


def test_one_in_twelve_repeats_an_earlier_experiment_with_a_second_seed(planned: list[Planned]) -> None:
    repeats = [plan for plan in planned if plan.kind == "repeat"]
    assert len(repeats) == len(planned) // ROUND
    seeds = {identity(plan)[:2]: plan.position for plan in planned if plan.seed == 0}
    assert all(plan.seed == 1 and seeds[identity(plan)[:2]] < plan.position for plan in repeats)


def test_recipes_that_differ_only_in_a_cap_out_of_reach_are_not_both_planned(small: list[Planned]) -> None:
    assert training_images(SMALL, Recipe()) == training_images(SMALL, Recipe(train_images=None)) == 256
    assert training_images(LARGE, Recipe()) == 2000
    assert training_images(LARGE, Recipe(train_images=None)) == 48_000
    effective: dict[str, set[str]] = {}
    for plan in small:
        shown = {**recipe(plan).to_json(), "train_images": training_images(SMALL, recipe(plan))}
        effective.setdefault(json.dumps(shown, sort_keys=True), set()).add(recipe(plan).hash)
    bases = {Recipe.from_json(base).hash for base in BASES}
    assert all(len(hashes - bases) <= 1 for hashes in effective.values())


def test_the_recipes_are_many_and_distinct_and_each_is_compared_with_a_base() -> None:
    files = tuple(sorted({file for part in RECIPE_PARTS for file in part.files}))
    found = recipes(files)
    hashes = {choice.recipe.hash for choice in found}
    assert len(hashes) == len(found) >= 60
    assert Recipe().hash not in hashes
    assert {choice.base.hash for choice in found} == {Recipe.from_json(base).hash for base in BASES}
    chosen = [choice.recipe for choice in found]
    assert {16, 20, 24, 32, 48, 64} == {one.image_side for one in chosen}
    assert {250, 500, 1000, 2000, 5000, 10_000, None} <= {one.train_images for one in chosen}
    assert (min(one.epochs for one in chosen), max(one.epochs for one in chosen)) == (3, 60)
    assert min(one.learning_rate for one in chosen) == 0.0015
    assert {one.flip for one in chosen} == {True, False}


def test_the_shipped_recipes_are_what_was_chosen() -> None:
    for file, chosen in (("recipes_1.json", choose_recipes()), ("recipes_2.json", choose_later_recipes())):
        assert [(Recipe.from_json(entry.fields), Recipe.from_json(entry.base)) for entry in chosen] == [
            (choice.recipe, choice.base) for choice in recipes((file,))
        ]


def test_the_later_recipes_have_every_field_that_came_later_and_the_named_ones() -> None:
    chosen = [choice.recipe for choice in recipes(("recipes_2.json",))]
    for name in ("shift_fraction", "erasing", "mixup", "cutmix", "policy", "ema", "class_weights", "test_mirroring"):
        assert len({getattr(recipe, name) for recipe in chosen}) > 1
    assert {Recipe.from_json(fields).hash for fields in NAMED} <= {recipe.hash for recipe in chosen}


def test_one_factor_means_one_factor() -> None:
    for base in BASES:
        before = Recipe.from_json(base)
        for entry in one_factor_recipes(base)[bool(base) :]:
            after = Recipe.from_json(entry.fields)
            changed = {name for name in before.to_json() if getattr(after, name, 0) != getattr(before, name, 0)}
            assert len(changed) == 1 or changed == {"optimizer", "learning_rate", "weight_decay"}


def test_a_core_network_meets_the_recipe_that_the_focus_is_compared_with(planned: list[Planned]) -> None:
    base = Recipe.from_json(BASES[1]).hash
    by = {identity(plan)[:2] for plan in planned if plan.kind == "core"}
    pairs = [network for network, recipe_hash in by if recipe_hash == base and sum(n == network for n, _ in by) > 1]
    assert len(pairs) >= 3


def test_more_joint_recipes_begin_with_the_same() -> None:
    assert joint_recipes(6) == joint_recipes(10)[:6]


def test_planned_networks_can_be_built_at_their_recipe(planned: list[Planned]) -> None:
    for plan in planned[:24]:
        side = recipe(plan).image_side
        build(plan.candidate.architecture.canonical, (3, side, side), 10)
