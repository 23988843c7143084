"""`fit`: one whole experiment, from an architecture to its trained accuracy or its recorded failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from presage.architecture.costs import Costs, costs
from presage.architecture.graph import Architecture
from presage.architecture.torch_bridge.build import Network, build
from presage.records.experiment import FINISHED
from presage.training.balance import is_unbalanced
from presage.training.data import DeviceData
from presage.training.failures import failure_of
from presage.training.hardware import choose_device, device_name, versions
from presage.training.loop import EpochRecord, Tapped, evaluate, fixed_randomness, train
from presage.training.precision import precision_of
from presage.training.recipe import Recipe

__all__ = ["TrainingResult", "fit", "fresh"]


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What became of one training.

    Attributes:
        status: `finished`, `diverged`, `out_of_memory` or `pruned`.
        accuracy: trained accuracy on the validation images after the last epoch; None unless finished.
        test_accuracy: on the test images, computed once at the end; None unless finished and asked for.
        balanced_accuracy, test_balanced_accuracy: means over the classes of the same; None where classes are about
            equally frequent (`presage.training.balance`), too.
        records: one per epoch completed.
        depth_nodes: nodes of the canonical architecture whose outputs the depth heads read.
        costs: of the canonical architecture; None for a plain module.
        seconds: wall time, of all that `fit` did.
        device: name of the card, or of the processor with its threads.
        precision: `float32` or `bfloat16`, as used.
        versions: of presage, python, torch and numpy.
        failure: one line; None when finished.
        module: the trained network; None where it could not be built.
    """

    status: str
    accuracy: float | None
    test_accuracy: float | None
    records: tuple[EpochRecord, ...]
    depth_nodes: tuple[int, ...]
    costs: Costs | None
    seconds: float
    device: str
    precision: str
    versions: dict[str, str]
    failure: str | None
    module: nn.Module | None
    balanced_accuracy: float | None = None
    test_balanced_accuracy: float | None = None

    @property
    def curve(self) -> tuple[float, ...]:
        """Validation accuracy after each epoch, (e,)."""
        return tuple(record.validation_accuracy for record in self.records)

    @property
    def train_losses(self) -> tuple[float, ...]:
        """Mean training loss of each epoch, (e,)."""
        return tuple(record.train_loss for record in self.records)

    @property
    def depth_accuracies(self) -> tuple[float, ...]:
        """Validation accuracy of each depth head after the last epoch, in the order of `depth_nodes`."""
        return self.records[-1].depth_accuracies if self.records else ()


def fit(
    network: Architecture | nn.Module,
    data: DeviceData,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    test: bool = True,
    depth: bool = True,
) -> TrainingResult:
    """Build, train and score one network. A divergence or lack of memory is a result, not an exception.

    An architecture is built in its canonical form, with weights drawn from `seed`; a module is trained as it comes.

    Args:
        device: `auto` is where `data` lies.
        checkpoint: file to write after each epoch and to resume from.
        on_epoch: called with each epoch's record; may raise `StopTraining` to prune.
        test: score the test images, once, at the end.
        depth: read the accuracy by depth.

    Raises:
        InvalidArchitecture: the network cannot take images of this shape, or is absurdly large.
        InvalidArgument: a recipe of which not all is known.
    """
    recipe.check_trainable()
    began = time.perf_counter()
    if device != "auto" and choose_device(device) != data.device:
        data = data.to(choose_device(device))
    precision = precision_of(network, data, recipe)
    cost = costs(network.canonical, data.input_shape, data.classes) if isinstance(network, Architecture) else None
    module: nn.Module | None = None
    records: list[EpochRecord] = []
    nodes: tuple[int, ...] = ()
    accuracy = test_accuracy = balanced = test_balanced = failure = None
    unbalanced = is_unbalanced(data.y_train, data.classes)
    status = FINISHED
    try:
        module = _module(network, data, seed)
        nodes = tuple(module.prefixes) if depth and isinstance(module, Tapped) else ()
        for record in train(module, data, recipe, seed=seed, checkpoint=checkpoint, taps=nodes):
            records.append(record)
            if on_epoch is not None:
                on_epoch(record)
        accuracy = records[-1].validation_accuracy
        balanced = records[-1].balanced_accuracy if unbalanced else None
        if test and len(data.x_test):
            scores = evaluate(
                module, data.x_test, data.y_test, data, precision=precision, mirroring=recipe.test_mirroring
            )
            test_accuracy, test_balanced = scores.accuracy, scores.balanced_accuracy if unbalanced else None
    except Exception as error:
        ended = failure_of(error)
        if ended is None:
            raise
        status, failure = ended
        accuracy = test_accuracy = balanced = test_balanced = None
        if data.device.type == "cuda":
            torch.cuda.empty_cache()
    return TrainingResult(
        status=status,
        accuracy=accuracy,
        test_accuracy=test_accuracy,
        records=tuple(records),
        depth_nodes=nodes,
        costs=cost,
        seconds=round(time.perf_counter() - began, 4),
        device=device_name(data.device),
        precision=precision,
        versions=versions(),
        failure=failure,
        module=module,
        balanced_accuracy=balanced,
        test_balanced_accuracy=test_balanced,
    )


def _module(network: Architecture | nn.Module, data: DeviceData, seed: int) -> nn.Module:
    if isinstance(network, nn.Module):
        return network
    return fresh(network, data, seed)


def fresh(architecture: Architecture, data: DeviceData, seed: int) -> Network:
    """The network that `fit` trains, in canonical form, with the weights that it begins with, on the CPU."""
    with fixed_randomness(seed, torch.device("cpu")):  # weights are drawn on the CPU: equal on every device
        return build(architecture.canonical, data.input_shape, data.classes)
