"""The networks that a search trained, as a table for a notebook and as a frame for analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from presage.display import accuracies, extrapolates, html_table, interval_picture, scaled
from presage.search.final_result import FinalResult, FinalTraining
from presage.search.verified import Verified
from presage.speakable import named, speakable

__all__ = ["frame_of", "html_of"]


def frame_of(verified: Sequence[Verified], baseline: Sequence[Verified], final: FinalResult | None) -> Any:
    """A row for each network, the best trained first: a `pandas.DataFrame`, or a DuckDB relation without pandas."""
    from presage.database.frames import frame

    last = _final_of(final)
    rows = [_row(one, last.get(one.chosen.hash)) for one in _best_first([*verified, *baseline])]
    return frame(list(rows[0]) if rows else ["name"], [list(row.values()) for row in rows])


def html_of(
    verified: Sequence[Verified],
    baseline: Sequence[Verified],
    final: FinalResult | None,
    scored_by: str,
    level: float | None,
) -> Markup:
    """The same as a table, with each prediction drawn beside what it came to.

    Args:
        scored_by: what stood for accuracy until networks were trained: `predicted`, or another score.
        level: nominal coverage of the intervals; None where there are none.
    """
    rows = _best_first([*verified, *baseline])
    last = _final_of(final)
    ends = [
        value
        for one in rows
        for value in (one.chosen.lower, one.chosen.upper, one.accuracy)
        if value is not None and level is not None
    ]
    axis = (min(ends, default=0.0), max(ends, default=1.0))
    interval = () if level is None else (f"{level:.0%} interval, and trained", "extrapolates")
    ended = ("final", "final test") if last else ()
    header = ("network", "chosen as", scored_by, *interval, "trained", "test", *ended, "parameters", "multiply-adds")
    cells = [
        (
            named(one.chosen.hash),
            one.chosen.role,
            _score(one),
            *(() if level is None else _interval(one, axis)),
            accuracies(one.accuracy, one.balanced_accuracy, none=one.status),
            accuracies(one.test_accuracy, one.test_balanced_accuracy),
            *(_ending(last.get(one.chosen.hash)) if last else ()),
            scaled(one.chosen.parameters),
            scaled(one.chosen.multiply_adds),
        )
        for one in rows
    ]
    return html_table(header, cells)


def _best_first(networks: Sequence[Verified]) -> list[Verified]:
    return sorted(networks, key=lambda one: -(one.accuracy or 0.0))


def _final_of(final: FinalResult | None) -> dict[str, FinalTraining]:
    return {} if final is None else {one.hash: one for one in final.trainings}


def _score(one: Verified) -> str:
    value = one.chosen.score if one.chosen.predicted is None else one.chosen.predicted
    return "" if value is None else f"{value:.3f}"


def _interval(one: Verified, axis: tuple[float, float]) -> tuple[str, str]:
    """The prediction as a picture, and how far it reaches."""
    chosen = one.chosen
    if chosen.predicted is None or chosen.lower is None or chosen.upper is None:
        return "", ""
    picture = interval_picture(chosen.lower, chosen.predicted, chosen.upper, axis, one.accuracy)
    return picture, extrapolates(chosen.extrapolation, chosen.distance)


def _ending(training: FinalTraining | None) -> tuple[str, str]:
    if training is None:
        return "", ""
    return (
        accuracies(training.accuracy, training.balanced_accuracy, none=training.status),
        accuracies(training.test_accuracy, training.test_balanced_accuracy),
    )


def _row(one: Verified, last: FinalTraining | None) -> dict[str, Any]:
    chosen = one.chosen
    return {
        "name": speakable(chosen.hash),
        "hash": chosen.hash,
        "role": chosen.role,
        "round": chosen.round_number,
        "status": one.status,
        "predicted": chosen.predicted,
        "lower": chosen.lower,
        "upper": chosen.upper,
        "score": chosen.score,
        "extrapolation": chosen.extrapolation,
        "distance": chosen.distance,
        "accuracy": one.accuracy,
        "test_accuracy": one.test_accuracy,
        "balanced_accuracy": one.balanced_accuracy,
        "test_balanced_accuracy": one.test_balanced_accuracy,
        "final_accuracy": None if last is None else last.accuracy,
        "final_test_accuracy": None if last is None else last.test_accuracy,
        "parameters": chosen.parameters,
        "multiply_adds": chosen.multiply_adds,
        "activation_bytes": chosen.activation_bytes,
        "latency_seconds": chosen.latency_seconds,
        "measured_latency_seconds": chosen.measured_latency_seconds,
        "seconds": one.seconds,
        "reused": one.reused,
    }
