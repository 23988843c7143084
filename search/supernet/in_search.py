"""`SuperNet`: the super-net of one search, kept in its run folder; proposes and scores as the engine asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from presage.architecture.graph import Architecture
from presage.architecture.spaces.space import Codes, Space
from presage.files import write_json
from presage.reading import read_as
from presage.search.progress import OnProgress, SearchProgress, silent
from presage.search.samplers.history import History
from presage.search.samplers.proposer import Proposals
from presage.search.strategies import SUPERNETS
from presage.search.supernet import OneShot, OneShotSettings, SupernetEpoch, SupernetReport
from presage.search.supernet.latency_aim import LatencyAim
from presage.search.supernet.report import Settled
from presage.surrogate.predictors.prediction import Prediction
from presage.training.data import DeviceData
from presage.training.recipe import Recipe

__all__ = ["SuperNet"]

_MEASURED = 5  # times, of which the least counts


class SuperNet:
    """Trained when it is first asked for anything; a run that was killed goes on from its last whole epoch.

    ::

        supernet/checkpoint.pt   after each epoch
        supernet/report.json     `SupernetReport`, once trained
        supernet/settled.json    `Settled`, where it was measured what the search settled for

    Args:
        method: name in `SUPERNETS`.
        folder: of the super-net.
        latency: what methods that aim at a limit aim at; None where there is none.
        measure: seconds of one forward pass, measured; given with `latency`.
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
        latency: LatencyAim | None = None,
        measure: Callable[[Architecture], float] | None = None,
        seed: int = 0,
        on_progress: OnProgress = silent,
    ) -> None:
        self.folder, self.on_progress, self.measure = folder, on_progress, measure
        self._settled: Settled | None = None
        settings = OneShotSettings(epochs=epochs)
        aim = {"latency": latency} if SUPERNETS[method].aims else {}
        self._untrained: OneShot = SUPERNETS.load(method)(space, data, recipe, settings=settings, seed=seed, **aim)

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

        one.train(self.folder / "checkpoint.pt", tell)
        self._settle(one)
        write_json(self.folder / "report.json", one.report().to_json())
        return one

    def _settle(self, one: OneShot) -> None:
        """Settle for a network by measured latency, once a run."""
        path = self.folder / "settled.json"
        self._settled = read_as(path, Settled.from_json)
        if self._settled is not None:
            one.restore(self._settled)
        elif self.measure is not None:
            measure = self.measure

            def seconds(code: Codes) -> float:
                architecture = one.space.decode(one.space.params(code))
                return min(measure(architecture) for _ in range(_MEASURED))  # other work slows one, seldom all

            self._settled = one.settle(seconds)
            if self._settled is not None:
                write_json(path, self._settled.to_json())

    @property
    def settled(self) -> Settled | None:
        """What was settled for by measured latency; None where nothing asked for it."""
        return None if self.found is None else self._settled

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
