"""The options that choose and change a recipe, the same for every command that trains or predicts."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from presage.arguments import Arguments
from presage.files import read_text
from presage.output import positive

if TYPE_CHECKING:
    from presage.records import DatasetRecord, RecipeRecord
    from presage.training import ImageDataset, Recipe

__all__ = [
    "AUTO", "add_recipe_options", "chosen_recipe", "final_recipe", "named_or_stored", "recipe_given", "recipe_of",
    "recipe_record_words",
]  # fmt: skip

AUTO = "auto"
"""As a final recipe: the budget chooses; without one it is `standard`."""

Stored = Callable[[str], "Recipe | None"]
"""Gives the recipe of the database whose hash begins so."""


def add_recipe_options(parser: Arguments) -> None:
    """Declare `--recipe`, `--epochs` and the other options that `recipe_of` reads."""
    group = parser.add_argument_group(
        "recipe", "How networks are trained. The defaults are the recipe of the shipped experience, `quick`."
    )
    group.add_argument(
        "--recipe", metavar="NAME|FILE|HASH",
        help="quick, standard, thorough, a JSON file of fields, or how the hash of a stored recipe begins "
        "(predict, train, search)",
    )  # fmt: skip
    group.add_argument("--epochs", type=positive, metavar="E", help="passes over the training images")
    group.add_argument(
        "--image-side", type=_side, metavar="PIXELS|auto",
        help="images are resized to this side; auto: by the images, and by what the networks take",
    )  # fmt: skip
    group.add_argument("--train-images", type=_images, metavar="N|all", help="cap on training images, or `all`")
    group.add_argument("--batch", type=positive, metavar="B", help="images a step")
    group.add_argument(
        "--flip", action=argparse.BooleanOptionalAction, default=None,
        help="mirror images left-right at random (not for letters); unless said, a search finds out for its final "
        "training whether that does harm, and nothing else is mirrored",
    )  # fmt: skip
    group.add_argument(
        "--set",
        action="append",
        default=[],
        dest="fields",
        metavar="FIELD=VALUE",
        help="any other field of the recipe, such as ema=0.99 or image_side=auto; may be repeated",
    )


def _side(text: str) -> int | str:
    return text if text == "auto" else positive(text)


def _images(text: str) -> int | str:
    try:
        return text if text == "all" else positive(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, or `all`. Got {text!r}") from None


def recipe_of(options: argparse.Namespace, stored: Stored | None = None) -> Recipe:
    """The recipe that was named, with the options and fields that were given; later ones count.

    Args:
        stored: gives a recipe of the database by the beginning of its hash.
    """
    from presage.training import Recipe

    changes: dict[str, object] = {
        name: value for name in ("epochs", "image_side", "batch") if (value := getattr(options, name)) is not None
    }
    if options.flip is not None:
        changes["flip"] = options.flip
    if options.train_images == "all":
        changes["train_images"] = None
    elif options.train_images is not None:
        changes["train_images"] = options.train_images
    for text in options.fields:
        name, value = _field(text, options.command)
        changes[name] = value
    return Recipe.from_json({**_chosen(options.recipe, options.command, stored=stored).to_json(), **changes})


def recipe_given(options: argparse.Namespace) -> bool:
    """Whether any of the options of `recipe_of` was given, but for mirroring."""
    named = (options.recipe, options.epochs, options.image_side, options.train_images, options.batch)
    return any(one is not None for one in named) or bool(options.fields)


def final_recipe(recipe: Recipe | str, dataset: ImageDataset, *, flip: bool = False) -> Recipe:
    """What a search ends with: a recipe of that name, on all images of the dataset (but those that validation needs);
    any other as it stands. `AUTO` is what a search without a budget ends with.

    Args:
        flip: mirror images whatever the recipe says.

    Raises:
        UnknownName: no recipe has that name.
    """
    from presage.training.recipes import for_photos, named_recipe, on_all_images
    from presage.training.resolving import resolved

    if isinstance(recipe, str):
        recipe = on_all_images(named_recipe("standard" if recipe == AUTO else recipe), len(dataset.y_train))
        recipe = for_photos(recipe) if flip else recipe
    return resolved(replace(recipe, flip=recipe.flip or flip), dataset)


def chosen_recipe(text: str, argument: str, command: str) -> Recipe | str:
    """The name of a recipe, or the recipe in the file of that name.

    Raises:
        InvalidArgument: the file holds no object of fields.
        UnknownName: neither.
    """
    from presage.training.recipes import RECIPES

    return text if text in RECIPES or text == AUTO else _chosen(text, command, argument)


def recipe_record_words(record: RecipeRecord, dataset: DatasetRecord | None = None) -> str:
    """A stored recipe in words, as it is on a dataset where one is given; of a newer presage's, that it is unknown."""
    from presage.errors import WrongInput
    from presage.training import Recipe
    from presage.training.recipe_words import recipe_words, words_on

    try:
        recipe = Recipe.from_json(record.json)
    except WrongInput:
        return "unknown to this version"
    return recipe_words(recipe) if dataset is None else words_on(recipe, dataset)


def named_or_stored(text: str, stored: Stored) -> Recipe:
    """The recipe of this name, or that of the database whose hash begins so (8 hex digits or more).

    Raises:
        UnknownName: neither.
    """
    from presage.training.recipes import named_recipe

    found = stored(text) if re.fullmatch(r"[0-9a-f]{8,64}", text) else None
    return named_recipe(text) if found is None else found


def _chosen(text: str | None, command: str, argument: str = "--recipe", stored: Stored | None = None) -> Recipe:
    """The recipe of this name, in this file, or of the database; the default for None."""
    from presage.errors import InvalidArgument
    from presage.training import Recipe
    from presage.training.recipes import RECIPES, named_recipe

    if text is None:
        return Recipe()
    if text in RECIPES or not Path(text).is_file():
        return named_recipe(text) if stored is None else named_or_stored(text, stored)
    try:
        fields = json.loads(read_text(Path(text)))
    except (OSError, ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        rule = "be the name of a recipe, or a file with one JSON object of its fields"
        raise InvalidArgument(argument, f"presage {command}", rule, text)
    return Recipe.from_json(fields)


def _field(text: str, command: str) -> tuple[str, object]:
    """Name and value of ``FIELD=VALUE``; `all` and `none` are no cap, and a word that is no JSON is a name."""
    from presage.errors import InvalidArgument

    name, equals, value = text.partition("=")
    if not name or not equals:
        rule = "be FIELD=VALUE, such as learning_rate=0.003"
        raise InvalidArgument("--set", f"presage {command}", rule, text)
    name = name.replace("-", "_")
    if value in ("all", "none") and name in ("train_images", "test_images"):
        return name, None
    try:
        return name, json.loads(value.lower() if value in ("True", "False") else value)
    except (ValueError, RecursionError):
        return name, value
