"""What a search of the roof is made of, beside `presage.search.run_search`: scorers, latency, progress in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument
from presage.output import LARGEST_SEED
from presage.progress import OnStage
from presage.steps.prediction import BoundPredictor

if TYPE_CHECKING:
    from presage.architecture.spaces import Space
    from presage.database import Database
    from presage.search import Scorer, ScorerFactory, SearchProgress, SearchSettings, Verified
    from presage.search.latency.measuring import LatencyMeter
    from presage.search.progress import OnProgress
    from presage.surrogate.curves.extrapolator import CurveExtrapolator
    from presage.training import ImageDataset, Recipe

__all__ = ["curve_extrapolator", "latency_meter", "scorers", "stages"]


def latency_meter(
    space: Space, shape: tuple[int, int, int], classes: int, batch: int, device: str, cache: Path, progress: OnStage
) -> LatencyMeter:
    """Estimates and measures latency on images (c, h, w); measures networks of the space once, kept in `cache`."""
    from presage.search.latency.measuring import LatencyMeter

    return LatencyMeter(
        space,
        shape,
        classes,
        batch,
        device,
        cache,
        on_network=lambda done, total: progress("measure latency, once", done, total),
    )


def curve_extrapolator(open_to_read: Callable[[], Database], seed: int, progress: OnStage) -> CurveExtrapolator:
    """Learns from every finished learning curve of the database, in seconds.

    Raises:
        InvalidExperience: the database holds too few.
    """
    from presage.surrogate.curves.extrapolator import CurveExtrapolator
    from presage.surrogate.curves.loading import load_trainings

    progress("learn from learning curves", 0, 1)
    with open_to_read() as database:
        trainings = load_trainings(database)
    fitted = CurveExtrapolator(seed=seed % LARGEST_SEED).fit(trainings)
    progress("learn from learning curves", 1, 1)
    return fitted


def scorers(
    score: str,
    bound: Callable[[], BoundPredictor],
    predictor: str,
    dataset: ImageDataset,
    recipe: Recipe,
    *,
    seed: int,
    device: str,
    space: Space,
) -> ScorerFactory | None:
    """What gives the scorer of each round of a search, by the name of the score; None for a super-net, which the
    search trains itself.

    Args:
        bound: binds the predictor of the name `predictor` to dataset and recipe; called anew in each round.

    Raises:
        InvalidArgument: a score whose scorer only a caller of `presage.search.run_search` can bring.
        WrongInput: a table that is none of the space.
    """
    from presage.search import PredictorScorer
    from presage.search.strategies import SUPERNET
    from presage.search.studies.scores import PROXY, TABLE, get_score

    if score == SUPERNET:
        return None
    if score.startswith(TABLE):
        from presage.search.studies.tables import table_scorer

        lookup = table_scorer(score, space)
        return lambda round_number, verified: lookup
    if not get_score(score).predicts and not score.startswith(PROXY):
        rule = "be predicted, ucb, supernet, a zero-cost proxy or a table"
        raise InvalidArgument("score", "presage search", rule, score, "For others, call presage.search.run_search.")

    def scorer(round_number: int, verified: Sequence[Verified]) -> Scorer:
        if not score.startswith(PROXY):
            now = bound()
            return PredictorScorer(now.predictor, now.task, predictor)
        from presage.surrogate.proxies import Minibatch, ProxyScorer
        from presage.training import prepare

        minibatch = Minibatch.of(prepare(dataset, recipe, device))
        return ProxyScorer(minibatch, score.removeprefix(PROXY), seed, device)

    return scorer


def stages(settings: SearchSettings, progress: OnStage) -> OnProgress:
    """Tells how far a search is in the words of people."""
    names = {
        "supernet": "train the super-net",
        "predict": f"search by {settings.score}" if settings.score != "predicted" else "search on predictions",
        "train": "train the short-list",
        "baseline": "random baseline",
        "tune": "tune the final training",
        "final": "final training",
    }

    def tell(at: SearchProgress) -> None:
        rounds = f" (round {at.round_number})" if settings.rounds > 1 and at.round_number else ""
        progress(names.get(at.stage, at.stage) + rounds, at.done, at.total)

    return tell
