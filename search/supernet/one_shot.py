"""`OneShot`: a search on shared weights, from its first epoch to the networks it proposes; resumable, with a report."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from presage.architecture.spaces.space import Codes, Space
from presage.errors import Diverged, InvalidArgument
from presage.records.experiment import FINISHED
from presage.search.supernet.collapse import Collapse
from presage.search.supernet.images import DividedImages
from presage.search.supernet.report import OneShotSettings, Settled, SupernetEpoch, SupernetReport
from presage.surrogate.predictors.prediction import Prediction
from presage.training.checkpoint import load_checkpoint, restoring, save_checkpoint
from presage.training.data import DeviceData
from presage.training.failures import failure_of
from presage.training.recipe import Recipe

__all__ = ["OneShot"]

STOPPED = "stopped early"


OnEpoch = Callable[[SupernetEpoch, int], None]
"""Told each epoch and how many there are."""


class OneShot(ABC):
    """One super-net on one dataset: `train` it, then ask it for networks and for their proxy accuracies.

    Two runs of one seed on one CPU are the same, whether or not they were interrupted. Running out of memory, or a
    loss that is no number, ends the training and is recorded; the last whole epoch's weights are then used.

    Args:
        data: the dataset as `recipe` prepares it.
        recipe: batch size and augmentation are taken from it.
    """

    name: ClassVar[str]
    default: ClassVar[OneShotSettings]

    def __init__(
        self, space: Space, data: DeviceData, recipe: Recipe, *, settings: OneShotSettings | None = None, seed: int = 0
    ) -> None:
        given = settings or OneShotSettings()
        mine = {name: getattr(self.default, name) for name in ("epochs", "held_out", "learning_rate")}
        chosen = {name: value for name in mine if (value := getattr(given, name)) is not None}
        self.settings = replace(given, **{**mine, **chosen})
        self.space, self.data, self.recipe, self.seed = space, data, recipe, seed
        self.images = DividedImages(data, recipe, self._held_out, seed)
        self.records: list[SupernetEpoch] = []
        self.status = FINISHED
        self.failure: str | None = None
        self.collapse: Collapse | None = None

    # What a method says ---------------------------------------------------------------------------------------------

    @abstractmethod
    def _epoch(self, epoch: int) -> SupernetEpoch:
        """Train for one epoch."""

    @abstractmethod
    def _state(self) -> dict[str, Any]:
        """Everything learned: tensors (copied) and plain values."""

    @abstractmethod
    def _load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `_state` gave."""

    @property
    @abstractmethod
    def weights(self) -> int:
        """Number of shared weights."""

    @property
    def found(self) -> Codes | None:
        """(p,) the code of the derived network; None where a method finds by its proxy accuracy alone."""
        return None

    @abstractmethod
    def draw(self, n: int, seed: Sequence[int]) -> Codes:
        """(n, p) networks to score, more often those that the search thinks good."""

    def proposed(self, n: int, seed: Sequence[int], *, begin: bool) -> Codes:
        """(n, p) networks as `draw` gives them, the derived one among them only where a study begins."""
        return self.draw(n, seed) if begin or self.found is None else self.draw(n + 1, seed)[1:]

    @abstractmethod
    def _logits(self, code: Codes, batches: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        """Logits and labels of one network (p,) with its shared weights, batch by batch."""

    def settle(self, measure: Callable[[Codes], float]) -> Settled | None:
        """Settle for a network by measured latency; None where a method does not aim at any.

        Args:
            measure: seconds of the network of a code (p,).
        """
        return None

    def restore(self, settled: Settled) -> None:
        """Go on with what `settle` gave."""
        raise NotImplementedError

    def _stop(self) -> Collapse | None:
        """What a guard sees after an epoch."""
        return None

    # What every method does -----------------------------------------------------------------------------------------

    @property
    def epochs(self) -> int:
        assert self.settings.epochs is not None
        return self.settings.epochs

    @property
    def _held_out(self) -> float:
        assert self.settings.held_out is not None
        return self.settings.held_out

    def rate(self, progress: float) -> float:
        """Learning rate of the shared weights at a share of the search."""
        assert self.settings.learning_rate is not None
        return self.settings.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))

    def train(self, checkpoint: Path | None = None, on_epoch: OnEpoch | None = None) -> SupernetReport:
        """Train to the end, from `checkpoint` on where it is there; it is written after each epoch.

        Raises:
            InvalidArgument: the checkpoint belongs to another search.
        """
        self._resume(checkpoint)
        for record in self.records:
            if on_epoch is not None:
                on_epoch(record, self.epochs)
        while self.status == FINISHED and len(self.records) < self.epochs:
            good = self._state()
            try:
                record = self._epoch(len(self.records))
                if not math.isfinite(record.loss):
                    raise Diverged(f"The loss of the super-net became {record.loss} in epoch {record.epoch}.")
            except Exception as error:
                ended = failure_of(error)
                if ended is None:
                    raise
                self.status, self.failure = ended
                self._load_state(good)
                if self.data.device.type == "cuda":
                    torch.cuda.empty_cache()
            else:
                self.records.append(record)
                self.collapse = self._stop()
                if self.collapse is not None:
                    self.status = STOPPED
                if on_epoch is not None:
                    on_epoch(record, self.epochs)
            if checkpoint is not None:
                save_checkpoint(checkpoint, self._whole())
        return self.report()

    def report(self) -> SupernetReport:
        """What came of it so far."""
        found = self.found
        return SupernetReport(
            method=self.name,
            space=self.space.name,
            status=self.status,
            failure=self.failure,
            collapse=self.collapse,
            epochs=tuple(self.records),
            weights=self.weights,
            seconds=round(sum(record.seconds for record in self.records), 3),
            found=None if found is None or not self.records else self.space.params(found),
        )

    @torch.no_grad()
    def proxy_accuracy(self, codes: Codes) -> NDArray[np.float64]:
        """(n,) *proxy* accuracy of each network (n, p): with shared weights, on the validation images; batches
        normalise themselves. NaN where it cannot be had. It only ranks: trained alone, the network scores otherwise."""
        batches = list(self.images.validation_batches())
        found = np.full(len(codes), np.nan)
        if not self.records:
            return found  # nothing was learned
        for at, code in enumerate(codes):
            try:
                parts = self._logits(code, batches)
            except Exception as error:
                if failure_of(error) is None:
                    raise
                continue
            logits, labels = (torch.cat(column) for column in zip(*parts, strict=True))
            if bool(torch.isfinite(logits).all()):
                found[at] = float((logits.argmax(dim=1) == labels).double().mean())
        return found

    def score_codes(self, codes: Codes) -> Prediction:
        """`proxy_accuracy` as a scorer gives it: an interval without width, level 0."""
        value = self.proxy_accuracy(codes)
        return Prediction(value, value.copy(), value.copy(), 0.0)

    # State ----------------------------------------------------------------------------------------------------------

    def _identity(self) -> dict[str, Any]:
        settings = {name: getattr(self.settings, name) for name in ("epochs", "held_out", "learning_rate")}
        return {
            "method": self.name,
            "space": self.space.name,
            "dataset": self.data.fingerprint,
            "recipe": self.recipe.hash,
            "seed": self.seed,
            **settings,
            "guard": asdict(self.settings.guard),
        }

    def _whole(self) -> dict[str, Any]:
        return {
            "identity": self._identity(),
            "state": self._state(),
            "records": [asdict(record) for record in self.records],
            "status": self.status,
            "failure": self.failure,
            "collapse": self.collapse.to_json() if self.collapse else None,
        }

    def _resume(self, checkpoint: Path | None) -> None:
        whole = load_checkpoint(checkpoint, self.data.device) if checkpoint is not None else None
        if whole is None:
            return
        if whole.get("identity") != self._identity():
            rule = "belong to this method, space, dataset, recipe and seed"
            raise InvalidArgument("checkpoint", self.name, rule, str(checkpoint), "Delete it or name another file.")
        assert checkpoint is not None
        with restoring(checkpoint):
            self._load_state(whole["state"])
            self.records = [SupernetEpoch(**record) for record in whole["records"]]
            self.status, self.failure = whole["status"], whole["failure"]
            self.collapse = Collapse(**whole["collapse"]) if whole["collapse"] else None
