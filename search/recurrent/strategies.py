"""Which strategies search recurrent cells, by what, and the Optuna sampler of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from presage.errors import InvalidArgument, UnknownName
from presage.search.strategies import SAMPLERS

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

__all__ = ["ONE_BY_ONE", "ON_SHARED_WEIGHTS", "cell_sampler", "check_strategy"]

ONE_BY_ONE = ("random", "evolution", "bayes", "reinforce", "local", "tpe")
"""Strategies that are told of each candidate how good it is: trained, or predicted."""

ON_SHARED_WEIGHTS = ("enas", "darts-first", "darts-second")
"""Those that train one network for all cells first, and then the cells that it thinks best."""


def check_strategy(strategy: str, *, predicted: bool) -> None:
    """Refuse a strategy that there is not, or that takes no predictions.

    Raises:
        UnknownName, InvalidArgument
    """
    known = (*ONE_BY_ONE, *ON_SHARED_WEIGHTS)
    if strategy not in known:
        raise UnknownName("strategy for recurrent cells", strategy, known)
    if predicted and strategy in ON_SHARED_WEIGHTS:
        rule = f"be one of {', '.join(ONE_BY_ONE)} where cells are scored by prediction"
        raise InvalidArgument("strategy", "a search of recurrent cells", rule, strategy)


def cell_sampler(strategy: str, seed: int, candidates: int) -> BaseSampler:
    """The sampler of a strategy of `ONE_BY_ONE`.

    Args:
        candidates: of which evolution's population is a third, within 5 and 30.
    """
    made: dict[str, Any] = {"population": min(30, max(5, candidates // 3))} if strategy == "evolution" else {}
    sampler: BaseSampler = SAMPLERS.load(strategy)(seed=seed, **made)
    return sampler
