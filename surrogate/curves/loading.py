"""The lifelong database → `LearningCurves`: every finished learning curve."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from presage.surrogate.curves.learning_curves import LearningCurves, Setting

if TYPE_CHECKING:
    from presage.database import Database

__all__ = ["load_trainings"]


def load_trainings(database: Database, *, without: Collection[tuple[str, str]] = ()) -> LearningCurves:
    """Finished trainings whose curve is whole and whose recipe is known whole; of the others nothing can be learned.

    Args:
        database: an open database.
        without: (dataset, recipe) that are left out: fingerprint and hash.
    """
    columns = database.experiments(arrays=True)
    recipes = {record.hash: record.json for record in database.recipes()}
    classes = {record.fingerprint: record.classes for record in database.datasets()}
    curves, losses, settings, tasks, groups = [], [], [], [], []
    told = zip(
        columns.dataset.tolist(), columns.recipe.tolist(), columns.curve or (), columns.train_losses or (),
        columns.parameters.tolist(), columns.multiply_adds.tolist(), columns.depth.tolist(), strict=True,
    )  # fmt: skip
    for dataset_at, recipe_at, curve, loss, parameters, multiply_adds, depth in told:
        dataset, recipe = columns.datasets[dataset_at], columns.recipes[recipe_at]
        asked = recipes[recipe]
        if asked.get("unknown") or len(curve) != asked["epochs"] or (dataset, recipe) in without:
            continue
        curves.append(curve)
        losses.append(loss)
        settings.append(Setting(asked, classes[dataset], parameters, multiply_adds, depth))
        tasks.append(f"{dataset}/{recipe}")
        groups.append(dataset)
    return LearningCurves.of(curves, losses, settings, tasks, groups)
