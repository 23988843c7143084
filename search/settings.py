"""What a search is asked for, and which wishes go together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from presage.errors import InvalidArgument, UnknownName
from presage.search.ladder import LADDERS
from presage.search.limits import Limits
from presage.search.strategies import SUPERNET, SUPERNET_STRATEGIES, check_objectives
from presage.search.studies.acquisition import get_acquisition
from presage.search.studies.objectives import checked_objectives
from presage.search.studies.scores import get_score

__all__ = ["FULL", "VERIFICATIONS", "SearchSettings"]

FULL = "full"
VERIFICATIONS = (FULL, *LADDERS)
"""How a short-list is trained: all of it to the end, or many briefly and few to the end."""


_BOUNDS = {
    "candidates": (1, 1_000_000), "shortlist": (1, 10_000), "rounds": (1, 1_000), "compare_random": (0, 10_000),
    "early_stop": (0, 10_000),    "seed": (0, 2**63 - 1), "latency_batch": (1, 65_536),
}  # fmt: skip
"""Least and most: what is beyond would fill memory, or is a slip of the hand."""

_LATER: dict[str, Any] = {"early_stop": 0, "verify": FULL}
"""Settings that searches begun by an earlier presage do not have, with their defaults."""


@dataclass(frozen=True)
class SearchSettings:
    """What a search is asked for, beside its dataset, space and recipe.

    Attributes:
        strategy: name of a search strategy (`presage.search.strategies.SAMPLERS`), or of one that trains a super-net on
            the dataset (`presage.search.strategies.SUPERNETS`) and searches by its proxy accuracy: `score` is then
            `supernet`.
        candidates: number of candidates scored, in each round.
        shortlist: number of networks trained fully, in each round.
        rounds: after each, the scorer is made anew from what was learnt.
        limits: hard limits on cost.
        objectives: `accuracy`, and costs beside it.
        acquisition: what short-listed networks are chosen by (`presage.search.studies.acquisition.ACQUISITIONS`).
        diversity: how much the short-list avoids networks alike; 0 to 1.
        compare_random: number of random networks of the space to train with the same recipe, for comparison.
        batch: candidates proposed from one state of knowledge; None is a twentieth of them, within 100 and 1,000.
        prune: whether short-listed networks that lag behind the median are stopped from half of the epochs on; not
            beside `compare_random`, since a mean over the survivors of pruning is no fair comparison.
        early_stop: trainings of the short-list are ended when their extrapolated curves leave them little chance to be
            among so many best (`presage.search.run.early_stop`); 0 ends none. Not beside `compare_random`, as `prune`.
        verify: one of `VERIFICATIONS`: beside `full` the short-list is trained as `presage.search.ladder` says. Not
            beside `compare_random`, `prune` or `early_stop`.
        score: what `accuracy` stands for while networks are searched (`presage.search.studies.scores`): `predicted`,
            `ucb`, or a proxy.
        latency_batch: images in one forward pass whose latency counts.
        supernet_epochs: of the super-net, where there is one; None takes its method's own default.
        seed: makes everything repeatable.
    """

    strategy: str = "evolution"
    candidates: int = 2000
    shortlist: int = 5
    rounds: int = 1
    limits: Limits = field(default_factory=Limits)
    objectives: tuple[str, ...] = ("accuracy",)
    acquisition: str = "ucb"
    diversity: float = 0.2
    compare_random: int = 0
    batch: int | None = None
    prune: bool = False
    seed: int = 0
    score: str = "predicted"
    latency_batch: int = 1
    supernet_epochs: int | None = None
    early_stop: int = 0
    verify: str = FULL

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                at_least = f"be a whole number of at least {least}"
                rule = at_least if not isinstance(value, int) or value < least else f"be at most {most:,}"
                raise InvalidArgument(name, "run_search", rule, value)
        if self.shortlist > self.candidates:
            rule = f"be at most `candidates` ({self.candidates})"
            raise InvalidArgument("shortlist", "run_search", rule, self.shortlist)
        if self.batch is not None and (isinstance(self.batch, bool) or self.batch < 1):
            raise InvalidArgument("batch", "run_search", "be None or at least 1", self.batch)
        if self.prune and self.compare_random:
            rule, hint = "be left out beside `compare_random`", "To prune, take 0 for `compare_random`."
            raise InvalidArgument("prune", "run_search", rule, self.prune, hint)
        if self.early_stop and self.compare_random:
            rule, hint = "be left out beside `compare_random`", "To stop early, take 0 for `compare_random`."
            raise InvalidArgument("early_stop", "run_search", rule, bool(self.early_stop), hint)
        if self.verify not in VERIFICATIONS:
            raise UnknownName("verification", str(self.verify), VERIFICATIONS)
        beside = {"compare_random": self.compare_random, "prune": self.prune, "early_stop": bool(self.early_stop)}
        for name, value in beside.items():
            if self.verify != FULL and value:
                raise InvalidArgument(name, "run_search", "be left out beside `verify`", value)
        if not 0 <= self.diversity <= 1:
            raise InvalidArgument("diversity", "run_search", "be within 0 and 1", self.diversity)
        object.__setattr__(self, "objectives", checked_objectives(self.objectives))
        get_acquisition(self.acquisition)
        get_score(self.score)
        if self.strategy in SUPERNET_STRATEGIES:
            self._check_one_shot()
        else:
            check_objectives(self.strategy, len(self.objectives))
        epochs = self.supernet_epochs
        if epochs is not None and (isinstance(epochs, bool) or epochs < 1):
            raise InvalidArgument("supernet_epochs", "run_search", "be at least 1", epochs)
        if epochs is not None and self.score != SUPERNET:
            rule = f"be left out where there is no super-net (strategy {self.strategy}, score {self.score})"
            raise InvalidArgument("supernet_epochs", "run_search", rule, epochs)

    def _check_one_shot(self) -> None:
        if len(self.objectives) > 1:
            rule = f"serve {len(self.objectives)} objectives; with the score `supernet` other strategies do"
            raise InvalidArgument("strategy", "search", rule, self.strategy)
        if self.score not in ("predicted", SUPERNET):  # the first is the default
            rule = f"be supernet for the strategy {self.strategy}, which searches by its own"
            raise InvalidArgument("score", "run_search", rule, self.score)
        object.__setattr__(self, "score", SUPERNET)

    @property
    def batch_size(self) -> int:
        """The batch, or what stands for None."""
        return min(max(self.candidates // 20, 100), 1000) if self.batch is None else self.batch

    @property
    def needs_curves(self) -> bool:
        """Whether learning curves are extrapolated."""
        return bool(self.early_stop) or self.verify != FULL

    @property
    def needs_latency(self) -> bool:
        """Whether latency is a limit or an objective."""
        return self.limits.latency_seconds is not None or "latency" in self.objectives

    def to_json(self) -> dict[str, Any]:
        """All fields; those that came later only where not at their default."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        fields = {name: value for name, value in fields.items() if name not in _LATER or value != _LATER[name]}
        return {**fields, "limits": self.limits.to_json(), "objectives": list(self.objectives)}
