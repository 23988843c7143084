from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from presage.training import Recipe


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "recipe_effects.py"
    spec = spec_from_file_location("recipe_effects", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["recipe_effects"] = module
    spec.loader.exec_module(module)
    return module


SHIPPED, LONGER, OTHER = Recipe(), Recipe(epochs=40), Recipe(epochs=40, batch=32)
RECIPES = {recipe.hash: recipe for recipe in (SHIPPED, LONGER, OTHER)}


def runs() -> dict[tuple[str, str], dict[tuple[str, int], float]]:
    return {
        ("one", SHIPPED.hash): {("a", 0): 0.1, ("b", 0): 0.2, ("c", 0): 0.3, ("d", 0): 0.9},
        ("one", LONGER.hash): {("a", 0): 0.2, ("b", 0): 0.4, ("c", 0): 0.3, ("e", 0): 0.1},
        ("two", SHIPPED.hash): {("a", 0): 0.5, ("a", 1): 0.7},
        ("two", LONGER.hash): {("a", 0): 0.6},
        ("two", OTHER.hash): {("a", 1): 0.6},
    }


def test_pairs_are_the_same_network_seed_and_dataset_by_recipes_that_differ_in_one_factor(script: ModuleType) -> None:
    """On `one` differences of 10, 20, 0 points, one pair of three turned; on `two` 10. No pair knows both batches."""
    single, against = script.effects(runs(), RECIPES, least=3)
    (found,) = single
    assert (found.factor, found.before, found.after) == ("epochs", "12", "40")
    assert (found.pairs, found.datasets, found.tau_datasets) == (4, 2, 1)
    assert found.difference == pytest.approx(10)
    assert found.error == pytest.approx(0)
    assert found.tau == pytest.approx(1 / 3)
    assert [(one.after, one.pairs) for one in against] == [("epochs 40", 4), ("batch 32, epochs 40", 1)]
    assert against[1].difference == pytest.approx(-10)


def test_an_optimizer_with_its_rate_is_one_factor_and_two_others_are_not(script: ModuleType) -> None:
    sgd = Recipe(optimizer="sgd", learning_rate=0.1)
    assert script.one_factor(script.differing(SHIPPED, sgd)) == "learning_rate+optimizer"
    assert script.one_factor(script.differing(SHIPPED, OTHER)) is None
    assert script.one_factor(script.differing(SHIPPED, LONGER)) == "epochs"


def test_the_table_is_markdown(script: ModuleType) -> None:
    single, _ = script.effects(runs(), RECIPES, least=3)
    assert script.table(single).splitlines()[2] == "| epochs | 12 | 40 | +10.0 | 0.0 | 4 | 2 | 0.33 (1) |"
