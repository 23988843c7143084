"""Search strategies by name. Every one is an Optuna sampler; `proposer` is the batched side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import optuna
from optuna.samplers import BaseSampler

from presage.errors import InvalidArgument, UnknownName
from presage.search.one_shot_strategies import ONE_SHOT_STRATEGIES
from presage.search.samplers.bayes import BayesSampler
from presage.search.samplers.local import LocalSearchSampler
from presage.search.samplers.one_by_one import OneByOne
from presage.search.samplers.progressive import ProgressiveSampler
from presage.search.samplers.proposer import BatchSampler, Proposals, Proposer
from presage.search.samplers.random import RandomSampler
from presage.search.samplers.regularized_evolution import RegularizedEvolutionSampler
from presage.search.samplers.reinforce import ReinforceSampler
from presage.search.samplers.relaxed import RelaxedSampler

__all__ = [
    "SAMPLERS",
    "BatchSampler",
    "BayesSampler",
    "LocalSearchSampler",
    "OneByOne",
    "ProgressiveSampler",
    "Proposals",
    "Proposer",
    "RandomSampler",
    "RegularizedEvolutionSampler",
    "ReinforceSampler",
    "RelaxedSampler",
    "Strategy",
    "get_proposer",
    "get_sampler",
]


@dataclass(frozen=True)
class Strategy:
    """A strategy's entry in the registry: `make` gives its sampler from a seed."""

    make: Callable[[int | None], BaseSampler]
    several_objectives: bool
    summary: str


SAMPLERS: dict[str, Strategy] = {
    "bayes": Strategy(BayesSampler, True, "a Gaussian process on graph features (BANANAS, arXiv 1910.11858)"),
    "darts": Strategy(RelaxedSampler, False, "gradient ascent over relaxed parameters (after DARTS, arXiv 1806.09055)"),
    "evolution": Strategy(RegularizedEvolutionSampler, False, "regularised evolution (arXiv 1802.01548)"),
    "local": Strategy(LocalSearchSampler, False, "local search over all neighbours, restarted (arXiv 2005.02960)"),
    "nsgaii": Strategy(lambda seed: optuna.samplers.NSGAIISampler(seed=seed), True, "Optuna's NSGA-II"),
    "progressive": Strategy(ProgressiveSampler, True, "grows small networks along the front (1712.00559, 1905.13360)"),
    "random": Strategy(RandomSampler, True, "random search, the baseline"),
    "reinforce": Strategy(ReinforceSampler, False, "REINFORCE with a recurrent controller (arXiv 1611.01578)"),
    "tpe": Strategy(lambda seed: optuna.samplers.TPESampler(seed=seed), True, "Optuna's tree of Parzen estimators"),
}
"""Name → strategy."""


def _strategy(name: str, objectives: int) -> Strategy:
    if name in ONE_SHOT_STRATEGIES:
        hint = (
            f"It trains a super-net on a dataset: type `presage search DATASET --strategy {name}`, call "
            "presage.search.run_search, or give a trained one to "
            "presage.search.supernet.one_shot_sampler.OneShotSampler."
        )
        raise InvalidArgument("strategy", "get_sampler", f"be one of {', '.join(SAMPLERS)}", name, hint)
    if name not in SAMPLERS:
        raise UnknownName("strategy", name, [*SAMPLERS, *ONE_SHOT_STRATEGIES])
    strategy = SAMPLERS[name]
    if objectives > 1 and not strategy.several_objectives:
        able = ", ".join(f"`{other}`" for other, entry in SAMPLERS.items() if entry.several_objectives)
        raise InvalidArgument("strategy", "search", f"serve {objectives} objectives: {able} do", name)
    return strategy


def get_sampler(name: str, seed: int | None = None, *, objectives: int = 1) -> BaseSampler:
    """The Optuna sampler of a strategy, for `optuna.create_study(sampler=…)`.

    Raises:
        UnknownName: no strategy has that name; names the nearest.
        InvalidArgument: the strategy cannot serve that many objectives.
    """
    return _strategy(name, objectives).make(seed)


def get_proposer(name: str, seed: int | None = None, *, objectives: int = 1) -> Proposer:
    """The same strategy proposing in batches. Raises as `get_sampler`."""
    strategy = _strategy(name, objectives)
    sampler = strategy.make(seed)
    return sampler if isinstance(sampler, BatchSampler) else OneByOne(strategy.make)
