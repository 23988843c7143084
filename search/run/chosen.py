"""How a network that is chosen for full training is recorded, with what was said of it before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, isnan, nan
from typing import Any

from presage.search.result import Chosen
from presage.search.run.ledger import now
from presage.search.studies.feasible import COSTS
from presage.search.studies.journal import finite
from presage.search.studies.scores import Score
from presage.surrogate.predictors.prediction import extrapolation_of

__all__ = ["chosen_network"]


def chosen_network(
    digest: str,
    params: Mapping[str, Any],
    *,
    role: str,
    round_number: int,
    score: Score,
    said: tuple[float, float, float],
    level: float,
    costs: Sequence[int],
    latency: float,
    predictor: str,
    trial: int | None = None,
    acquisition: float | None = None,
    measured_latency: float | None = None,
    distance: float = nan,
) -> Chosen:
    """A network as it is chosen here and now.

    Args:
        digest: canonical hash of the network.
        score: the kind of score that `said` is.
        said: value, lower and upper end, as the scorer gave them; recorded as None unless all are finite numbers.
        level: coverage of the interval.
        costs: as in `COSTS`.
        latency: *estimated* seconds; NaN where nothing asked for it.
        predictor: name of the scorer.
        distance: how far the prediction reaches beyond experience; NaN where it is not told.
    """
    value, lower, upper = finite(said) or (None, None, None)
    fields: dict[str, Any] = dict(zip(COSTS, costs, strict=True))
    if score.predicts:
        fields |= {"predicted": value, "lower": lower, "upper": upper, "level": level}
        fields |= {"extrapolation": extrapolation_of(distance), "distance": None if isnan(distance) else distance}
    else:
        fields |= {"score": value, "score_name": score.name}
    return Chosen(
        hash=digest,
        params=params,
        role=role,
        round_number=round_number,
        created_at=now(),
        trial=trial,
        acquisition=acquisition,
        predictor=predictor,
        latency_seconds=latency if isfinite(latency) else None,
        measured_latency_seconds=measured_latency,
        **fields,
    )
