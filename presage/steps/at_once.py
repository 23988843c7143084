"""How many networks `presage train` trains at once, and where."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from presage.files import writing_beside

if TYPE_CHECKING:
    from presage.architecture.graph import Architecture
    from presage.training import Recipe, TrainingResult
    from presage.training.data import DeviceData
    from presage.training.side_by_side import OnEpoch, SideBySide

__all__ = ["AtOnce", "CommandTrainer"]


@dataclass
class CommandTrainer:
    """Trains networks in turn, or those that are waiting too while it does the first."""

    scratch: Path
    beside: SideBySide | None = None

    def __call__(
        self, waiting: Iterator[tuple[str, Architecture]], data: DeviceData, recipe: Recipe, seed: int, tell: OnEpoch
    ) -> TrainingResult:
        """Train the first of `waiting`, each under a name of its own; asked for more where there is room beside it."""
        from presage.training import fit

        name, architecture = next(waiting)
        if self.beside is None:
            return fit(architecture, data, recipe, seed=seed, on_epoch=tell)
        for other, later in chain([(name, architecture)], waiting):
            if not self.beside.begin(later, data, recipe, seed=seed, checkpoint=self._checkpoint(other)):
                break
        return self.beside.result(
            architecture, data, recipe, seed=seed, checkpoint=self._checkpoint(name), on_epoch=tell
        )

    def _checkpoint(self, name: str) -> Path:
        return self.scratch / name / "checkpoint.pt"


@dataclass(frozen=True)
class AtOnce:
    """How many networks are trained at once, and where.

    Attributes:
        workers: as `presage.training.executors.side_by_side` has it; None is one after the other, by all threads.
        executor: trains on this in place of processes of presage's own.
        tell: told of a cluster, in words.
    """

    workers: int | str | None = None
    executor: Executor | None = None
    tell: Callable[[str], None] = lambda words: None

    @contextmanager
    def trainer(self, networks: int, device: str, scratch: Path) -> Iterator[CommandTrainer]:
        """Trains so many networks, by one thread each; a single one by all threads, for nothing is beside it.

        Args:
            scratch: folder for checkpoints and images, removed in the end.
        """
        from presage.training.executors import AUTO_WORKERS, side_by_side
        from presage.training.worker_sites import Here, worker_site

        workers, owner = AUTO_WORKERS if self.workers is None else self.workers, "presage train"
        is_here = isinstance(worker_site(workers, owner), Here)
        if self.executor is None and is_here and (self.workers is None or networks < 2):
            yield CommandTrainer(scratch)
            return
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch, prefix=".train-") as name, writing_beside(Path(name)):
            images = Path(name) / "images"
            with side_by_side(workers, device, images, self.executor, owner, networks) as beside:
                self.tell(beside.words)
                yield CommandTrainer(Path(name), beside)
