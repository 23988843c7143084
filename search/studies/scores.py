"""What a search maximises where it says `accuracy`, by name: predicted accuracy, its upper bound, a proxy, a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from presage.errors import UnknownName

__all__ = ["PREDICTED", "PROXY", "TABLE", "Score", "get_score", "score_names"]

PROXY = "proxy:"
"""Begins the names of zero-cost proxies, as in ``proxy:naswot``."""

TABLE = "table:"
"""Begins the names of tables, as in ``table:FILE#COLUMN`` (`presage.search.studies.tables`)."""


@dataclass(frozen=True)
class Score:
    """A kind of score, never mixed with another in names, tables and plots.

    Attributes:
        name: as in `SearchSettings.score`.
        predicts: whether the scorer's values are *predicted* accuracies, which the database may keep.
        of: what a strategy sees: from value, lower and upper end, and level of the interval.
        summary: the score in a few words, as reports call it.
    """

    name: str
    predicts: bool
    of: Callable[[float, float, float, float], float]
    summary: str


def _value(value: float, lower: float, upper: float, level: float) -> float:
    return value


def _upper_bound(value: float, lower: float, upper: float, level: float) -> float:
    """As the acquisition `ucb`: ``μ + σ/2``, σ that of a normal distribution with this interval."""
    if not 0 < level < 1:
        return value + 0.25 * (upper - lower)
    return value + 0.25 * (upper - lower) / NormalDist().inv_cdf(0.5 + level / 2)


PREDICTED = Score("predicted", True, _value, "predicted accuracy")
_NAMED = {
    score.name: score
    for score in (
        PREDICTED,
        Score("ucb", True, _upper_bound, "upper confidence bound of predicted accuracy"),
        Score("supernet", False, _value, "proxy accuracy of a super-net, neither predicted nor trained"),
        Score("table", False, _value, "values of a table, neither predicted nor trained here"),
    )
}


def score_names() -> tuple[str, ...]:
    """Every score there is, but for tables by name (``table:…``). For `table` the caller of `run_search` brings the
    scorer; for `supernet` the search trains one."""
    from presage.surrogate.proxies import PROXIES

    return (*_NAMED, *(f"{PROXY}{name}" for name in PROXIES))


def get_score(name: str) -> Score:
    """The score of this name.

    Raises:
        UnknownName: there is none; names the nearest.
    """
    if name in _NAMED:
        return _NAMED[name]
    if name.startswith(TABLE) and name != TABLE:
        table = name.removeprefix(TABLE)
        return Score(name, False, _value, f"values of the table {table}, neither predicted nor trained here")
    if name not in score_names():
        raise UnknownName("score", name, score_names())
    return Score(name, False, _value, f"the zero-cost proxy {name.removeprefix(PROXY)}, no accuracy")
