"""`SuperNet`: the super-net of one search, kept in its run folder; proposes and scores as the engine asks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from presage.architecture.spaces.space import Codes, Space
from presage.files import write_json
from presage.search.progress import OnProgress, SearchProgress, silent
from presage.search.samplers.history import History
from presage.search.samplers.proposer import Proposals
from presage.search.strategies import SUPERNETS
from presage.search.supernet import OneShot, OneShotSettings, SupernetEpoch, SupernetReport
from presage.surrogate.predictors.prediction import Prediction
from presage.training.data import DeviceData
from presage.training.recipe import Recipe

__all__ = ["SuperNet"]


class SuperNet:
    """Trained when it is first asked for anything; a run that was killed goes on from its last whole epoch.

    ::

        supernet/checkpoint.pt   after each epoch
        supernet/report.json     `SupernetReport`, once trained

    Args:
        method: name in `SUPERNETS`.
        folder: of the super-net.
    """

    def __init__(
        self,
        method: str,
        space: Space,
        data: DeviceData,
        recipe: Recipe,
        folder: Path,
        *,
        epochs: int | None = None,
        seed: int = 0,
        on_progress: OnProgress = silent,
    ) -> None:
        self.folder, self.on_progress = folder, on_progress
        settings = OneShotSettings(epochs=epochs)
        self._untrained: OneShot = SUPERNETS.load(method)(space, data, recipe, settings=settings, seed=seed)

    @property
    def name(self) -> str:
        """As a prediction's source is recorded: ``supernet:enas``."""
        return f"supernet:{self._untrained.name}"

    @cached_property
    def trained(self) -> OneShot:
        """The search on shared weights, come to its end."""
        one = self._untrained

        def tell(record: SupernetEpoch, epochs: int) -> None:
            detail = f"loss {record.loss:.3f}, proxy accuracy {record.proxy_accuracy:.3f}"
            self.on_progress(SearchProgress("supernet", record.epoch + 1, epochs, 1, detail))

        report = one.train(self.folder / "checkpoint.pt", tell)
        write_json(self.folder / "report.json", report.to_json())
        return one

    @property
    def report(self) -> SupernetReport:
        return self.trained.report()

    @property
    def found(self) -> Codes | None:
        """(p,) the network that the search settled for; None where its proxy accuracy decides."""
        return self.trained.found if self.trained.records else None

    def propose(self, space: Space, history: History, n: int, seed: Sequence[int]) -> Proposals:
        """See `Proposer.propose`: the network it found, then others that it thinks good."""
        return Proposals(self.trained.proposed(n, seed, begin=not len(history)))

    def score_codes(self, codes: Codes) -> Prediction:
        """*Proxy* accuracies of (n, p) codes."""
        return self.trained.score_codes(codes)
