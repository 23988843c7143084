"""Do intervals say something? They should be wide where the prediction is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from presage.surrogate.evaluation.outcomes import Outcome
from presage.surrogate.evaluation.tables import Table, mean_of, number
from presage.surrogate.metrics import spearman

__all__ = ["interval_measures", "interval_table"]


def interval_measures(outcomes: Sequence[Outcome], predictor: str) -> Mapping[str, float | None]:
    """Coverage and width of one predictor's intervals, and how the width goes with the error.

    Returns:
        ``coverage``, ``width``: means over datasets; ``least_coverage``: of the worst dataset; ``share_well``: of the
        datasets, those with a coverage of at least the level less .1; ``within``: Spearman's ρ of width and absolute
        error over the networks of a dataset, its mean; ``between``: of mean width and mean error, over datasets.
    """
    coverages, widths, errors, within = [], [], [], []
    level = outcomes[0].predictions[predictor].level
    for outcome in outcomes:
        said = outcome.predictions[predictor]
        width, error = said.upper - said.lower, np.abs(outcome.truth - said.value)
        coverages.append(float(np.mean((said.lower <= outcome.truth) & (outcome.truth <= said.upper))))
        widths.append(float(width.mean()))
        errors.append(float(error.mean()))
        within.append(spearman(error, width))
    return {
        "coverage": mean_of(coverages),
        "width": mean_of(widths),
        "least_coverage": min(coverages),
        "share_well": float(np.mean(np.array(coverages) >= level - 0.1)),
        "within": mean_of(within),
        "between": spearman(errors, widths) if len(outcomes) > 2 else None,
    }


def interval_table(outcomes: Sequence[Outcome], predictors: Sequence[str]) -> Table:
    """The measures of every predictor."""
    found = {name: interval_measures(outcomes, name) for name in predictors}
    heads = ("coverage", "of the worst dataset", "datasets above 80 %", "width", "ρ within", "ρ between")
    order = ("coverage", "least_coverage", "share_well", "width", "within", "between")
    return Table(
        "intervals",
        "90 % intervals: coverage, width, and Spearman's ρ of width and absolute error within and between datasets",
        ("predictor", *heads),
        tuple((name, *(number(found[name][key]) for key in order)) for name in predictors),
    )
