"""Experiments of a design that one can afford: the others are passed over, for a later campaign or a faster machine."""

from __future__ import annotations

from collections.abc import Iterator

from presage.architecture.batch.graph_batch import GraphBatch
from presage.errors import InvalidArgument
from presage.records.dataset import DatasetRecord
from presage.training.design import Planned
from presage.training.recipe import Recipe
from presage.training.recipe_design import estimated_seconds, sizes_of

__all__ = ["LEAST_SECONDS", "affordable", "estimated"]

LEAST_SECONDS = 10.0
"""Of a core: on every dataset a good part of the experiments costs less, so that a sequence of them does not end."""


def estimated(planned: Planned, dataset: DatasetRecord) -> float:
    """Seconds of one core that a planned experiment takes, by `estimated_seconds`; infinite where size forbids it."""
    recipe = planned.recipe or Recipe()
    sizes = sizes_of(GraphBatch.of([planned.candidate.architecture]), dataset, recipe.image_side)
    return float(estimated_seconds(sizes, dataset, recipe)[0])


def affordable(sequence: Iterator[Planned], dataset: DatasetRecord, most_seconds: float) -> Iterator[Planned]:
    """The experiments of a sequence that are estimated to take a core no longer than `most_seconds`, in its order.

    A campaign of the whole sequence knows by their identities those that were run: nothing is trained twice.

    Raises:
        InvalidArgument: fewer seconds than `LEAST_SECONDS`.
    """
    if not most_seconds >= LEAST_SECONDS:
        raise InvalidArgument("most_seconds", "affordable", f"be at least {LEAST_SECONDS:g}", most_seconds)
    return (planned for planned in sequence if estimated(planned, dataset) <= most_seconds)
