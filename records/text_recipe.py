"""`TextRecipeRecord`: a recipe of trainings on texts by the hash of its JSON."""

from __future__ import annotations

from dataclasses import dataclass

from presage.records.recipe import RecipeRecord

__all__ = ["TextRecipeRecord"]


@dataclass(frozen=True)
class TextRecipeRecord(RecipeRecord):
    """How recurrent cells are trained: the columns of a recipe, in a table of its own."""

    row, table = "text_recipe", "text_recipes"
