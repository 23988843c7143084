"""What the columns of a table of trainings mean, and which column of a file is which."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from presage.errors import InvalidArgument
from presage.training.recipe import Recipe

__all__ = ["COLUMNS", "NEEDED", "RECIPE_COLUMNS", "Named", "columns_of"]

NEEDED = {
    "network": "architecture JSON, a file of it (as seen from the table), or `module:callable`; with `space`, the "
    "parameters as JSON, or the space's own text",
    "dataset": "a path (as seen from the table) or another word that `presage probe` takes, or the name or fingerprint "
    "of a dataset that the database knows; with `dataset_classes`, `dataset_images` and `dataset_side`, any name",
    "accuracy": "on images held out from training: all between 0 and 1, or all in percent (`93.1` or `93.1%`)",
}
"""Columns that every table of trainings has."""

FURTHER = {
    "test_accuracy": "the same on test images",
    "seed": "tells repeated trainings of a network apart; where empty they are numbered as they come",
    "seconds": "that the training took",
    "date": "when it ended, ISO 8601",
    "space": "search space that the network is of, such as `nb201:cells=5,width=16`",
    "dataset_classes": "number of classes, where the images are not at hand",
    "dataset_images": "images to train and validate on, where the images are not at hand",
    "dataset_channels": "1 for grey, 3 for colour (the default), where the images are not at hand",
    "dataset_side": "height and width of an image in pixels, where the images are not at hand",
    "dataset_dcn": "difficulty that `presage probe` found elsewhere, where the images are not at hand",
    "recipe": "name of a recipe, or its JSON, where the training was by one that is known whole",
}
"""Columns that may be there; every cell may be empty."""

RECIPE_COLUMNS = tuple(field.name for field in fields(Recipe) if field.name != "unknown")
"""Fields of a recipe, each a column that may be there; what is empty is stored as unknown."""

COLUMNS = {**NEEDED, **FURTHER}

ALSO = {
    "lr": "learning_rate", "wd": "weight_decay", "bs": "batch", "batch_size": "batch", "smoothing": "label_smoothing",
    "val_acc": "accuracy", "val_accuracy": "accuracy", "validation_accuracy": "accuracy", "valid_acc": "accuracy",
    "test_acc": "test_accuracy", "num_epochs": "epochs", "n_epochs": "epochs", "optim": "optimizer",
    "model": "network", "architecture": "network", "arch": "network", "data": "dataset",
    "image_size": "image_side", "img_size": "image_side", "resolution": "image_side", "duration": "seconds",
}  # fmt: skip
"""What trackers and scripts call these columns, taken where the file has none of presage's own name; that is said."""

_NEAR = 0.85


@dataclass(frozen=True)
class Named:
    """Column of presage → column of the file; those of the file that mean nothing here; and those that were taken for
    one of presage's by what others call it, as column of the file → column of presage."""

    of: Mapping[str, str]
    passed_over: tuple[str, ...]
    taken_for: Mapping[str, str] = field(default_factory=dict)


def columns_of(found: Iterable[str], renamed: Mapping[str, str], where: str) -> Named:
    """Which column of a file is which: by name, in any case and with spaces or dashes for underscores.

    Args:
        found: names of the file's columns.
        renamed: column of presage → what the file calls it.
        where: the file, for errors.

    Raises:
        InvalidArgument: a needed column is missing, a name is all but one of presage's, or a renaming names none.
    """
    known, names = (*COLUMNS, *RECIPE_COLUMNS), list(found)
    of: dict[str, str] = {}
    for ours, theirs in renamed.items():
        if ours not in known:
            near = difflib.get_close_matches(ours, known, n=1)
            hint = f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(known)}."
            raise InvalidArgument("--column", "presage database import", "name a column of presage", ours, hint)
        same = [name for name in names if name == theirs] or [name for name in names if _plain(name) == _plain(theirs)]
        if len(same) != 1:
            rule = f"name a column of {where}"
            raise InvalidArgument("--column", "presage database import", rule, theirs, f"It has {', '.join(names)}.")
        of[ours] = same[0]
    rest = [name for name in names if name not in of.values()]
    for name in rest:
        plain = _plain(name)
        if plain in known and plain not in of:
            of[plain] = name
    taken_for: dict[str, str] = {}
    for name in rest:
        meant = ALSO.get(_plain(name), "")
        if meant in known and meant not in of:
            of[meant], taken_for[name] = name, meant
    passed_over = [name for name in rest if name not in of.values()]
    for name in passed_over:
        near = difflib.get_close_matches(name.strip().lower(), [one for one in known if one not in of], 1, _NEAR)
        if near:
            hint = f"Did you mean `{near[0]}`? Say so with --column {near[0]}={name!r}, or call it otherwise."
            raise InvalidArgument("FILE", "presage database import", "name its columns as documented", name, hint)
    for name in NEEDED:
        if name not in of:
            hint = f"{where} has {', '.join(names)}. Rename it, or say --column {name}=NAME."
            raise InvalidArgument("FILE", "presage database import", f"have a column `{name}`", where, hint)
    return Named(of, tuple(passed_over), taken_for)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")
