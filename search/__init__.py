"""The search floor of presage: strategies as Optuna samplers, predicted and verified studies, and the engine.

Names are imported when first used: Optuna and torch take seconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.engine import load_candidates as load_candidates
    from search.engine import run_search as run_search
    from search.export import load_network as load_network
    from search.limits import Limits as Limits
    from search.predicted import Candidates as Candidates
    from search.progress import Progress as Progress
    from search.result import SearchResult as SearchResult
    from search.result import Verified as Verified
    from search.samplers import SAMPLERS as SAMPLERS
    from search.samplers import RegularizedEvolutionSampler as RegularizedEvolutionSampler
    from search.samplers import ReinforceSampler as ReinforceSampler
    from search.samplers import get_sampler as get_sampler
    from search.scorer import PredictorScorer as PredictorScorer
    from search.scorer import Scorer as Scorer
    from search.scorer import ScorerFactory as ScorerFactory
    from search.settings import SearchSettings as SearchSettings

_HOME = {
    "Candidates": "search.predicted",
    "Limits": "search.limits",
    "PredictorScorer": "search.scorer",
    "Progress": "search.progress",
    "RegularizedEvolutionSampler": "search.samplers",
    "ReinforceSampler": "search.samplers",
    "SAMPLERS": "search.samplers",
    "Scorer": "search.scorer",
    "ScorerFactory": "search.scorer",
    "SearchResult": "search.result",
    "SearchSettings": "search.settings",
    "Verified": "search.result",
    "get_sampler": "search.samplers",
    "load_candidates": "search.engine",
    "load_network": "search.export",
    "run_search": "search.engine",
}

__all__ = [
    "SAMPLERS",
    "Candidates",
    "Limits",
    "PredictorScorer",
    "Progress",
    "RegularizedEvolutionSampler",
    "ReinforceSampler",
    "Scorer",
    "ScorerFactory",
    "SearchResult",
    "SearchSettings",
    "Verified",
    "get_sampler",
    "load_candidates",
    "load_network",
    "run_search",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'search' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
