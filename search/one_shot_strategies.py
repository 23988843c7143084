"""Names of the strategies that train a super-net on the user's dataset; torch is not imported for them."""

from __future__ import annotations

from presage.architecture.spaces.space import Space
from presage.errors import InvalidArgument

__all__ = ["ONE_SHOT_STRATEGIES", "SUPERNET", "UNIFORM", "check_serves", "default_candidates"]

ONE_SHOT_STRATEGIES = {
    "enas": "a controller over shared weights (ENAS, arXiv 1802.03268); any space",
    "darts-first": "DARTS on data, first order (arXiv 1806.09055); spaces with a relaxation: darts, nb201",
    "darts-second": "DARTS on data, second order, through one unrolled step; the same spaces",
    "pc-darts": "DARTS with partial channels (PC-DARTS, arXiv 1907.05737); the same spaces",
}
"""Name → summary. They search by their own *proxy* accuracy; what they find is always trained fully."""

SUPERNET = "supernet"
"""The score that these strategies search on, and which other strategies may ask for."""

UNIFORM = "uniform"
"""The super-net that scores for other strategies: its networks are drawn at random."""

_ANY_SPACE = ("enas", UNIFORM)


def default_candidates(strategy: str, score: str, shortlist: int) -> int:
    """How many candidates are scored unless a user says: a super-net takes about a thousand times as long for each as a
    predictor. Never fewer than are short-listed."""
    return max(100 if strategy in ONE_SHOT_STRATEGIES or score == SUPERNET else 2000, shortlist)


def check_serves(strategy: str, space: Space) -> None:
    """Refuse a space that a strategy on shared weights cannot search.

    Raises:
        InvalidArgument: the strategy goes by gradient, and the space has no relaxation.
    """
    if strategy in ONE_SHOT_STRATEGIES and strategy not in _ANY_SPACE and space.relaxation is None:
        hint = f"For `{space.name}` take the strategy enas."
        rule = "have a relaxation, as `darts` and `nb201` have"
        raise InvalidArgument("space", f"the strategy {strategy}", rule, space.name, hint)
