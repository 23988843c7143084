"""What a search asks about candidates: a value and an interval for each, without training any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.spaces.space import Codes
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.prediction import Prediction

if TYPE_CHECKING:
    from presage.search.result import Verified

__all__ = ["AnyScorer", "CodeScorer", "PredictorScorer", "Scorer", "ScorerFactory", "TaskPredictor", "prediction_of"]


class Scorer(Protocol):
    """Scores candidates by their graphs: a predictor on a task, a zero-cost proxy, a table in tests."""

    @property
    def name(self) -> str:
        """Name and version, as the database records it beside each prediction."""

    def score(self, graphs: GraphBatch) -> Prediction:
        """Value and interval of n architectures. NaN where one cannot be scored: recorded as a failed trial."""


@runtime_checkable
class CodeScorer(Protocol):
    """Scores candidates by their codes: a super-net, whose shared weights belong to places of the space."""

    @property
    def name(self) -> str:
        """See `Scorer.name`."""

    def score_codes(self, codes: Codes) -> Prediction:
        """Value and interval of (n, p) codes."""


AnyScorer = Scorer | CodeScorer
"""What a search accepts."""


def prediction_of(scorer: AnyScorer, codes: Codes, graphs: GraphBatch) -> Prediction:
    """What a scorer says of n networks, given in both ways."""
    return scorer.score_codes(codes) if isinstance(scorer, CodeScorer) else scorer.score(graphs)


class ScorerFactory(Protocol):
    """Gives the scorer of a round; called anew in each, so that a predictor learns from what was verified."""

    def __call__(self, round_number: int, verified: Sequence[Verified], /) -> AnyScorer:
        """The scorer of round 1, 2, … given every network verified in the rounds before."""


class TaskPredictor(Protocol):
    """A fitted accuracy predictor of `surrogate`."""

    def predict(self, graphs: GraphBatch, task: Task) -> Prediction:
        """Predicted accuracies of n architectures on a task."""


@dataclass(frozen=True)
class PredictorScorer:
    """A fitted predictor as the scorer of one task."""

    predictor: TaskPredictor
    task: Task
    name: str

    def score(self, graphs: GraphBatch) -> Prediction:
        """The predictor's answer."""
        return self.predictor.predict(graphs, self.task)
