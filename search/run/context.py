"""`RunContext`: what every part of one search works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from presage.architecture.spaces.space import Codes, Space
from presage.files import write_json
from presage.reading import read_as
from presage.search.latency.measuring import Latency
from presage.search.latency.model import LatencyModel
from presage.search.progress import OnProgress
from presage.search.run.early_stop import Curves
from presage.search.run.ledger import Ledger
from presage.search.run.networks import Networks
from presage.search.run.pace import Pace, Unhurried
from presage.search.run.run_folder import RunFolder
from presage.search.run.trainer import Trainer
from presage.search.samplers.proposer import Proposer
from presage.search.settings import SearchSettings
from presage.search.strategies import SUPERNET_STRATEGIES
from presage.search.studies.feasible import FeasibleDraws
from presage.search.studies.journal import Journal
from presage.search.studies.scores import Score, get_score
from presage.surrogate.curves.extrapolator import CurveExtrapolator
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe
from presage.training.side_by_side import SideBySide

__all__ = ["RunContext"]

_REFERENCES_SHARE = 0.25  # of the candidates, that references may be


@dataclass(frozen=True, eq=False)
class RunContext:
    """One search: what it was asked for, and where it reads, writes, measures and trains.

    Attributes:
        latency: estimates and measures latencies; None where the search is not about them.
        device: `auto`, `cpu` or `cuda`.
        on_progress: told after each batch and each epoch.
        pace: asked before each training.
        beside: trains several networks at once; None where one is trained after the other.
        curves: fits what extrapolates learning curves, where the settings need it.
    """

    dataset: ImageDataset
    recipe: Recipe
    settings: SearchSettings
    networks: Networks
    folder: RunFolder
    journal: Journal
    ledger: Ledger
    trainer: Trainer
    latency: Latency | None
    device: str
    on_progress: OnProgress
    pace: Pace = field(default_factory=Unhurried)
    beside: SideBySide | None = None
    curves: Callable[[], CurveExtrapolator] | None = None

    @property
    def space(self) -> Space:
        """Where the networks are from."""
        return self.networks.space

    @cached_property
    def score(self) -> Score:
        """What `accuracy` stands for until networks are trained."""
        return get_score(self.settings.score)

    @cached_property
    def latency_model(self) -> LatencyModel | None:
        """What estimates latencies throughout the run, also when it is resumed."""
        if self.latency is None:
            return None
        path = self.folder.latency
        if not path.exists():
            write_json(path, self.latency.model.to_json())
        return read_as(path, LatencyModel.from_json)

    @cached_property
    def extrapolator(self) -> CurveExtrapolator | None:
        """What extrapolates learning curves throughout the run, also when it is resumed with more experience."""
        if self.curves is None or not self.settings.needs_curves:
            return None
        path = self.folder.curves
        if not path.exists():
            write_json(path, self.curves().to_json())
        return read_as(path, CurveExtrapolator.from_json)

    @cached_property
    def extrapolated(self) -> Curves | None:
        """The same, for trainings of this search."""
        if self.extrapolator is None:
            return None
        return Curves(self.extrapolator, self.recipe, self.shape, len(self.dataset.classes))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(c, h, w) of one image as networks see it."""
        return (self.dataset.shape[0], self.recipe.image_side, self.recipe.image_side)

    @cached_property
    def references(self) -> Codes | None:
        """Those of the space, where predictions tell which of them are worth training, and they are a small part of the
        candidates; None elsewhere."""
        kinds = self.space.references
        if not kinds or not self.score.predicts or self.settings.strategy in SUPERNET_STRATEGIES:
            return None
        found: Codes = np.concatenate(kinds)
        return found if _REFERENCES_SHARE * self.settings.candidates >= len(found) else None

    def draws(self, proposer: Proposer) -> FeasibleDraws:
        """Candidates within the limits on this dataset's images."""
        limits, classes = self.settings.limits, len(self.dataset.classes)
        return FeasibleDraws(self.space, proposer, limits, self.shape, classes, self.latency_model)
