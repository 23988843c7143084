"""The recipe of a training that was done elsewhere: what its row tells, and the rest as unknown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from presage.errors import UnknownName, WrongInput
from presage.records import DatasetRecord
from presage.steps.imports.cells import number, refused, truth, whole
from presage.steps.imports.columns import RECIPE_COLUMNS
from presage.training.recipe import OPTIMIZERS, POLICIES, PRECISIONS, SCHEDULES, Recipe
from presage.training.recipes import RECIPES, named_recipe

__all__ = ["recipe_of_row"]

_WORDS = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS, "policy": POLICIES}
_SAME: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("schedule", "cosine"): {"schedule": "one_cycle", "warmup": 0.0},
    ("schedule", "onecycle"): {"schedule": "one_cycle"},
    ("precision", "fp32"): {"precision": "float32"},
    ("precision", "bf16"): {"precision": "bfloat16"},
}
"""Words of other libraries for what a recipe can say; a cosine alone is one cycle without its warm-up."""
_KINDS: Mapping[str, Callable[[str, Any], Any]] = {"int": whole, "int | None": whole, "float": number, "bool": truth}
_TYPES = {field.name: str(field.type) for field in fields(Recipe)}


def recipe_of_row(cells: Mapping[str, Any], dataset: DatasetRecord) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe, and what of the row no recipe can say, in words.

    What is unknown has a value all the same: images as they are stored and all of them, each once an epoch, the rest as
    in the recipe of the shipped experience. `Recipe.unknown` names these fields.

    Raises:
        WrongInput: a value that is none, or out of range.
    """
    told, unsaid = _told(cells)
    whole_recipe = _whole(cells["recipe"]) if cells.get("recipe") is not None else None
    if whole_recipe is not None:
        return Recipe.from_json({**whole_recipe.to_json(), **told}), unsaid
    assumed: dict[str, Any] = {
        "image_side": min(max(dataset.height, dataset.width, 4), 1024),
        "train_images": None,
        "test_images": None,
        "least_epoch_images": 1,
        "validation_fraction": _held_out(told.get("train_images"), dataset),
    }
    unknown = tuple(name for name in RECIPE_COLUMNS if name not in told)
    return Recipe(**{**assumed, **told, "unknown": unknown}), unsaid


def _held_out(train_images: int | None, dataset: DatasetRecord) -> float:
    """A share of the images that leaves as many for training as were trained on."""
    usual = Recipe().validation_fraction
    if train_images is None:
        return usual
    return min(max(1 - train_images / dataset.train_images, 1e-4), usual)


def _told(cells: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields that the row tells, and words that no recipe knows."""
    told: dict[str, Any] = {}
    unsaid = []
    for name in RECIPE_COLUMNS:
        cell = cells.get(name)
        if cell is None:
            continue
        if name in _WORDS:
            word = str(cell).strip().lower()
            same = _SAME.get((name, word), {name: word} if word in _WORDS[name] else None)
            if same is None:
                unsaid.append(f"{name} {word[:40]}")
            else:
                told |= {one: value for one, value in same.items() if one == name or cells.get(one) is None}
        elif "None" in _TYPES[name] and str(cell).strip().lower() in ("all", "none"):
            told[name] = None
        else:
            told[name] = _KINDS[_TYPES[name]](name, cell)
    return told, tuple(unsaid)


def _whole(cell: Any) -> Recipe:
    text = json.dumps(cell) if isinstance(cell, Mapping) else str(cell).strip()
    if not text.startswith("{"):
        if text not in RECIPES:
            raise UnknownName("recipe", text, RECIPES)
        return named_recipe(text)
    try:
        return Recipe.from_json(json.loads(text))
    except WrongInput:
        raise
    except (ValueError, TypeError, RecursionError):
        raise refused("recipe", "be the name of a recipe or the JSON of one", text) from None
