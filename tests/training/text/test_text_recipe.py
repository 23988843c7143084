"""A recipe keeps its hash, is read back, and refuses what makes no sense."""

from __future__ import annotations

from typing import Any

import pytest

from presage.errors import InvalidArgument, UnknownName
from presage.training.text.recipe import TextRecipe


def test_the_default_recipe_keeps_its_hash() -> None:
    assert TextRecipe().hash.startswith("f525a79eda3faf03")


def test_a_recipe_is_read_back() -> None:
    recipe = TextRecipe(epochs=2, parameters=None, hidden=64, tied=True, embedding=64, optimizer="asgd", clip=0.25)
    assert TextRecipe.from_json(recipe.to_json()) == recipe
    assert TextRecipe.from_json({"clip": 1}).clip == 1.0


@pytest.mark.parametrize(
    "fields",
    [
        {"epochs": 0},
        {"batch": True},
        {"sequence_length": 1},
        {"hidden": 10},
        {"parameters": None},
        {"learning_rate": 0.0},
        {"clip": float("inf")},
        {"dropout": 1.0},
        {"warmup": 2.0},
        {"train_symbols": 3},
        {"parameters": None, "hidden": 8, "embedding": 4, "tied": True},
        {"epochs": 2**40},
    ],
)
def test_impossible_values_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        TextRecipe(**fields)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="asgd"):
        TextRecipe(optimizer="asdg")
    with pytest.raises(UnknownName, match="`epochs`"):
        TextRecipe.from_json({"epoch": 3})
    for value in ([], {"format": "presage-recipe"}, {"version": 2}):
        with pytest.raises(InvalidArgument):
            TextRecipe.from_json(value)
