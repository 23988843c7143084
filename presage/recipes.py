"""The options that change a recipe, the same for every command that trains or predicts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from presage.arguments import Arguments
from presage.output import positive

if TYPE_CHECKING:
    from presage.training import Recipe

__all__ = ["add_recipe_options", "recipe_of"]


def add_recipe_options(parser: Arguments) -> None:
    """Declare `--epochs`, `--image-side` and the other options that `recipe_of` reads."""
    group = parser.add_argument_group(
        "recipe", "How networks are trained. The defaults are the recipe of the shipped experience."
    )
    group.add_argument("--epochs", type=positive, metavar="E", help="passes over the training images")
    group.add_argument("--image-side", type=positive, metavar="PIXELS", help="images are resized to this side")
    group.add_argument("--train-images", metavar="N|all", help="cap on training images, or `all`")
    group.add_argument("--batch", type=positive, metavar="B", help="images a step")
    group.add_argument("--flip", action="store_true", help="mirror images left-right at random (not for letters)")


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The default recipe with the options that were given."""
    from presage.errors import InvalidArgument
    from presage.training import Recipe

    changes: dict[str, object] = {
        name: value for name in ("epochs", "image_side", "batch") if (value := getattr(options, name)) is not None
    }
    if options.flip:
        changes["flip"] = True
    if options.train_images == "all":
        changes["train_images"] = None
    elif options.train_images is not None:
        try:
            changes["train_images"] = positive(options.train_images)
        except argparse.ArgumentTypeError:
            rule = "be a whole number of at least 1, or `all`"
            raise InvalidArgument("--train-images", f"presage {options.command}", rule, options.train_images) from None
    return Recipe(**changes)  # type: ignore[arg-type]
