"""`Retrainer`: pruned networks trained on from the weights that they have; kept in their folders, never in the
database, whose experiments begin with fresh weights, all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.architecture.graph import Architecture
from presage.architecture.torch_bridge.build import Network, build
from presage.files import write_json
from presage.reading import read_as
from presage.search.latency.measuring import time_network
from presage.search.run.attempts import attempt_by_epochs, settled
from presage.search.run.trainer import RecipeTrainer
from presage.training.checkpoint import load_checkpoint, restoring, save_checkpoint
from presage.training.fitting import TrainingResult, fit
from presage.training.loop import Evaluation, evaluate
from presage.training.model.folder import save_model
from presage.training.precision import precision_of
from presage.training.pruning.sparse import hold_zeros, let_go, nonzero
from presage.training.recipe import Recipe

if TYPE_CHECKING:
    from presage.training.loop import EpochRecord

__all__ = ["Retrainer"]

_TURNS = 5
_START, _ROW = "start.pt", "retraining.json"
_KEPT = (
    "status", "accuracy", "test_accuracy", "balanced_accuracy", "test_balanced_accuracy", "seconds", "failure",
)  # fmt: skip


class Retrainer:
    """Trains networks on from weights that they have, by one recipe and seed.

    Killed at any moment and asked again, it gives the results it has and goes on with a training from its last epoch.

    Args:
        test: whether test images are scored at the end of each.
    """

    def __init__(self, trainer: RecipeTrainer, recipe: Recipe, seed: int, *, test: bool = True) -> None:
        self._trainer, self._recipe, self._seed, self._test = trainer, recipe, seed, test

    def keep(self, network: Network, folder: Path) -> None:
        """Keep the weights that a retraining begins with."""
        save_checkpoint(folder / _START, {name: value.cpu() for name, value in network.state_dict().items()})

    def scored(self, network: Network, *, test: bool = False) -> Evaluation:
        """What a network makes of the validation images, or of the test images, as it is."""
        data = self._trainer.data
        images, labels = (data.x_test, data.y_test) if test else (data.x_validation, data.y_validation)
        precision = precision_of(network, data, self._recipe)
        mirroring = self._recipe.test_mirroring
        return evaluate(network.to(data.device), images, labels, data, precision=precision, mirroring=mirroring)

    def done(self, folder: Path) -> dict[str, Any] | None:
        """What became of the training in a folder; None where it has not ended."""
        return read_as(folder / _ROW, lambda kept: {**{name: kept[name] for name in _KEPT}, **kept})

    def row(
        self,
        architecture: Architecture,
        folder: Path,
        on_epoch: Callable[[EpochRecord], None],
        begin: Callable[[], Network] | None = None,
        *,
        sparse: bool = False,
    ) -> dict[str, Any]:
        """What became of training a network on from the weights kept in its folder; the model is left there.

        Args:
            begin: gives these weights, where they are not kept yet.
            sparse: what is zero at the beginning stays so; the row then tells `nonzero` parameters, and the
                `latency_seconds` of one image as torch runs it, with its zeros.
        """
        row = self.done(folder)
        if row is not None:
            return row
        if begin is not None and not (folder / _START).exists():
            self.keep(begin(), folder)

        def train(tell: Callable[[EpochRecord], None]) -> TrainingResult:
            checkpoint = folder / "checkpoint.pt"
            network = self._begun(architecture, folder)
            if sparse:
                hold_zeros(network)
            return fit(
                network, self._trainer.data, self._recipe,
                seed=self._seed, checkpoint=checkpoint, on_epoch=tell, test=self._test, depth=False,
            )  # fmt: skip

        result = attempt_by_epochs(folder, train, on_epoch)
        if isinstance(result, str):
            row = {**dict.fromkeys(_KEPT), "status": "crashed", "failure": result, "seconds": 0.0}
        else:
            row = {name: getattr(result, name) for name in _KEPT}
            if sparse and result.module is not None:
                let_go(result.module)
                shape, device = self._trainer.data.input_shape, self._trainer.data.device
                seconds = min(time_network(result.module, shape, device=device) for _ in range(_TURNS))
                row |= {"nonzero": nonzero(result.module), "latency_seconds": seconds}
            if result.accuracy is not None:
                model = replace(self._trainer.model(architecture, result), architecture=architecture)
                save_model(model, folder, program=False)  # its weights are named by the nodes as they are
        write_json(folder / _ROW, row)
        settled(folder)
        (folder / _START).unlink(missing_ok=True)
        return row

    def _begun(self, architecture: Architecture, folder: Path) -> Network:
        data = self._trainer.data
        network = build(architecture, data.input_shape, data.classes)
        with restoring(folder / _START):
            network.load_state_dict(load_checkpoint(folder / _START, data.device) or {})
        return network
