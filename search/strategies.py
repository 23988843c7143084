"""Search strategies by name. Every one is an Optuna sampler; those on shared weights train a super-net first.

Neither Optuna nor torch is imported until one is asked for: `presage search --help` is made from these registries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument
from presage.registry import Registered, Registry

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from presage.architecture.spaces.space import Space
    from presage.search.samplers.proposer import Proposer

__all__ = [
    "SAMPLERS",
    "STRATEGIES",
    "SUPERNET",
    "SUPERNETS",
    "SUPERNET_STRATEGIES",
    "UNIFORM",
    "Sampler",
    "SuperNetMethod",
    "check_objectives",
    "check_serves",
    "default_candidates",
    "get_proposer",
    "get_sampler",
    "serving_several",
]


@dataclass(frozen=True)
class Sampler(Registered):
    """A strategy that needs no data: an Optuna sampler, made from a `seed`.

    Attributes:
        several_objectives: whether it serves more than one.
    """

    several_objectives: bool = False


@dataclass(frozen=True)
class SuperNetMethod(Registered):
    """A super-net that is trained on the user's dataset (`presage.search.supernet.OneShot`).

    Attributes:
        by_gradient: it searches by gradient, so only spaces that have a relaxation.
        proposes: it is a strategy by itself; another only scores for other strategies.
        partial_channels: only some channels take part in the choice, so only spaces whose relaxation can do that.
        aims: a limit on latency is a part of what it searches by.
    """

    by_gradient: bool = False
    proposes: bool = True
    partial_channels: bool = False
    aims: bool = False


_SAMPLERS, _SUPERNET = "presage.search.samplers", "presage.search.supernet"

SAMPLERS: Registry[Sampler] = Registry(
    "strategy",
    {
        "bayes": Sampler(
            f"{_SAMPLERS}.bayes:BayesSampler", "a Gaussian process on graph features (BANANAS, arXiv 1910.11858)", True
        ),
        "darts": Sampler(
            f"{_SAMPLERS}.relaxed:RelaxedSampler",
            "gradient ascent over relaxed parameters (after DARTS, arXiv 1806.09055)",
        ),
        "evolution": Sampler(
            f"{_SAMPLERS}.regularized_evolution:RegularizedEvolutionSampler", "regularised evolution (arXiv 1802.01548)"
        ),
        "local": Sampler(
            f"{_SAMPLERS}.local:LocalSearchSampler", "local search over all neighbours, restarted (arXiv 2005.02960)"
        ),
        "nsgaii": Sampler("optuna.samplers:NSGAIISampler", "Optuna's NSGA-II", True),
        "progressive": Sampler(
            f"{_SAMPLERS}.progressive:ProgressiveSampler",
            "grows small networks along the front (1712.00559, 1905.13360)",
            True,
        ),
        "random": Sampler(f"{_SAMPLERS}.random:RandomSampler", "random search, the baseline", True),
        "reinforce": Sampler(
            f"{_SAMPLERS}.reinforce:ReinforceSampler", "REINFORCE with a recurrent controller (arXiv 1611.01578)"
        ),
        "tournament": Sampler(
            f"{_SAMPLERS}.tournament_selection:TournamentSelectionSampler",
            "evolution by tournaments among all networks so far, none of which dies (arXiv 1711.00436)",
        ),
        "tpe": Sampler("optuna.samplers:TPESampler", "Optuna's tree of Parzen estimators", True),
    },
)
"""Name → sampler that needs no data."""

UNIFORM = "uniform"
"""The super-net that scores for other strategies: its networks are drawn at random."""

SUPERNETS: Registry[SuperNetMethod] = Registry(
    "super-net",
    {
        "enas": SuperNetMethod(
            f"{_SUPERNET}.enas:Enas", "a controller over shared weights (ENAS, arXiv 1802.03268); any space"
        ),
        "darts-first": SuperNetMethod(
            f"{_SUPERNET}.gradient:DartsFirst",
            "DARTS on data, first order (arXiv 1806.09055); spaces with a relaxation: darts, mobile, nb201",
            by_gradient=True,
        ),
        "darts-second": SuperNetMethod(
            f"{_SUPERNET}.gradient:DartsSecond",
            "DARTS on data, second order, through one unrolled step; the same spaces",
            by_gradient=True,
        ),
        "pc-darts": SuperNetMethod(
            f"{_SUPERNET}.gradient:PartialChannels",
            "DARTS with partial channels (PC-DARTS, arXiv 1907.05737); spaces of cells: darts, nb201",
            by_gradient=True,
            partial_channels=True,
        ),
        "proxyless": SuperNetMethod(
            f"{_SUPERNET}.proxyless:Proxyless",
            "binary gates, one path trained at a time, latency in the loss (ProxylessNAS, arXiv 1812.00332); spaces "
            "with a relaxation",
            by_gradient=True,
            aims=True,
        ),
        "smash": SuperNetMethod(
            f"{_SUPERNET}.smash:Smash",
            "a hypernetwork gives each network its weights (SMASH, arXiv 1708.05344); any space",
        ),
        UNIFORM: SuperNetMethod(
            f"{_SUPERNET}.enas:Uniform", "networks drawn at random train shared weights; any space", proposes=False
        ),
    },
)
"""Name → super-net, trained on the user's dataset."""

SUPERNET_STRATEGIES: Registry[SuperNetMethod] = Registry(
    "strategy", {name: method for name, method in SUPERNETS.items() if method.proposes}
)
"""Those super-nets that are strategies. They search by their own *proxy* accuracy; what they find is always trained
fully."""

STRATEGIES: Registry[Registered] = Registry("strategy", {**SAMPLERS, **SUPERNET_STRATEGIES})
"""Name → every strategy."""

SUPERNET = "supernet"
"""The score that strategies on shared weights search on, and which other strategies may ask for."""


def default_candidates(strategy: str, score: str, shortlist: int) -> int:
    """How many candidates are scored unless a user says: a super-net takes about a thousand times as long for each as a
    predictor. Never fewer than are short-listed."""
    return max(100 if strategy in SUPERNET_STRATEGIES or score == SUPERNET else 2000, shortlist)


def check_serves(strategy: str, space: Space) -> None:
    """Refuse a space that a strategy on shared weights cannot search.

    Raises:
        InvalidArgument: the strategy goes by gradient, and the space has no relaxation, or none of partial channels.
    """
    if strategy not in SUPERNETS or not SUPERNETS[strategy].by_gradient:
        return
    method, relaxation = SUPERNETS[strategy], space.relaxation
    if relaxation is None:
        hint = f"For `{space.name}` take the strategy enas."
        rule = "have a relaxation, as `darts`, `mobile` and `nb201` have"
        raise InvalidArgument("space", f"the strategy {strategy}", rule, space.name, hint)
    if method.partial_channels and not relaxation.partial_channels:
        hint = f"For `{space.name}` take the strategy darts-first or proxyless."
        rule = "be one of cells, which keep their channels, as `darts` and `nb201` are"
        raise InvalidArgument("space", f"the strategy {strategy}", rule, space.name, hint)


def serving_several() -> tuple[str, ...]:
    """Names of the strategies that serve several objectives."""
    return tuple(name for name, entry in SAMPLERS.items() if entry.several_objectives)


def check_objectives(name: str, objectives: int) -> Sampler:
    """The sampler of that name, if it serves that many objectives.

    Raises:
        UnknownName: no strategy has that name; names the nearest.
        InvalidArgument: the strategy cannot serve that many objectives, or needs a dataset.
    """
    if name in SUPERNET_STRATEGIES:
        hint = (
            f"It trains a super-net on a dataset: type `presage search DATASET --strategy {name}`, call "
            "presage.search.run_search, or give a trained one to "
            "presage.search.supernet.one_shot_sampler.OneShotSampler."
        )
        raise InvalidArgument("strategy", "get_sampler", f"be one of {', '.join(SAMPLERS)}", name, hint)
    STRATEGIES[name]  # refused by the names of all
    sampler = SAMPLERS[name]
    if objectives > 1 and not sampler.several_objectives:
        able = ", ".join(f"`{other}`" for other in serving_several())
        raise InvalidArgument("strategy", "search", f"serve {objectives} objectives: {able} do", name)
    return sampler


def get_sampler(name: str, seed: int | None = None, *, objectives: int = 1) -> BaseSampler:
    """The Optuna sampler of a strategy, for `optuna.create_study(sampler=…)`. Raises as `check_objectives`."""
    made: BaseSampler = check_objectives(name, objectives).load()(seed=seed)
    return made


def get_proposer(name: str, seed: int | None = None, *, objectives: int = 1) -> Proposer:
    """The same strategy proposing in batches. Raises as `check_objectives`."""
    from presage.search.samplers.one_by_one import OneByOne
    from presage.search.samplers.proposer import BatchSampler

    make = check_objectives(name, objectives).load()
    sampler = make(seed=seed)
    return sampler if isinstance(sampler, BatchSampler) else OneByOne(lambda drawn: make(seed=drawn))
