from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import (
    Activation,
    AdaptiveAveragePool,
    Classifier,
    Convolution,
    Flatten,
    Identity,
    Input,
)
from presage.errors import InvalidArchitecture
from presage.training import DeviceData, EpochRecord, Recipe, StopTraining, fit
from presage.training.failures import failure_of
from presage.training.loop import logits_of


def network(channels: int = 8, kernel: int = 3) -> Architecture:
    pad = kernel // 2
    return Architecture(
        (
            Node(Input()),
            Node(Convolution(channels, (kernel, kernel), (1, 1), (pad, pad)), (0,)),
            Node(Activation(), (1,)),
            Node(Identity(), (2,)),
            Node(Convolution(channels, (3, 3), (2, 2), (1, 1)), (3,)),
            Node(Activation(), (4,)),
            Node(AdaptiveAveragePool((3, 3)), (5,)),
            Node(Flatten(), (6,)),
            Node(Classifier(), (7,)),
        )
    )


def test_a_finished_training_has_all_its_numbers(data: DeviceData, brief: Recipe) -> None:
    result = fit(network(), data, replace(brief, epochs=6), seed=1)
    assert result.status == "finished"
    assert result.failure is None
    assert result.accuracy == result.curve[-1]
    assert len(result.curve) == len(result.train_losses) == 6
    assert result.accuracy is not None
    assert result.accuracy > 0.9
    assert result.test_accuracy is not None
    assert result.test_accuracy > 0.8
    assert result.costs == costs(network().canonical, (1, 12, 12), 3)
    assert len(result.depth_accuracies) == len(result.depth_nodes) >= 1
    assert result.precision == "float32"
    assert set(result.versions) == {"presage", "python", "torch", "numpy"}
    assert result.seconds > sum(record.seconds for record in result.records)


def test_one_seed_gives_one_result_whatever_the_generator_s_state(data: DeviceData, brief: Recipe) -> None:
    curves = []
    for state in range(2):
        torch.manual_seed(state)
        curves.append(fit(network(), data, brief, seed=7).train_losses)
    assert curves[0] == curves[1]
    assert fit(network(), data, brief, seed=8).train_losses != curves[0]


def test_networks_of_one_hash_give_one_result(data: DeviceData, brief: Recipe) -> None:
    plain = network().canonical
    assert plain != network()
    assert fit(plain, data, brief).train_losses == fit(network(), data, brief).train_losses


def test_the_test_images_are_scored_only_when_asked_for(data: DeviceData, brief: Recipe) -> None:
    assert fit(network(), data, replace(brief, epochs=1), test=False).test_accuracy is None


def test_a_pruned_training_keeps_its_epochs_but_has_no_accuracy(data: DeviceData, brief: Recipe) -> None:
    def stop(record: EpochRecord) -> None:
        if record.epoch == 1:
            raise StopTraining("worse than the median")

    result = fit(network(), data, brief, on_epoch=stop)
    assert (result.status, result.failure) == ("pruned", "worse than the median")
    assert result.accuracy is result.test_accuracy is None
    assert len(result.records) == 2


class Failing(nn.Module):
    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.last = nn.Linear(144, 3)
        self.error = error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.error:
            raise self.error
        return self.last(x.flatten(1)) / 0.0


def test_a_divergence_is_recorded(data: DeviceData, brief: Recipe) -> None:
    result = fit(Failing(), data, brief)
    assert result.status == "diverged"
    assert result.failure is not None
    assert "nan" in result.failure.lower()
    assert result.curve == ()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_a_lack_of_memory_is_recorded(data: DeviceData, brief: Recipe, error: Exception) -> None:
    result = fit(Failing(error), data, brief)
    assert result.status == "out_of_memory"
    assert result.failure


def test_mistakes_are_raised_not_recorded(data: DeviceData, brief: Recipe) -> None:
    assert failure_of(ValueError("a mistake")) is None
    with pytest.raises(ZeroDivisionError):
        fit(Failing(ZeroDivisionError()), data, brief)
    too_small = Architecture(
        (Node(Input()), Node(Convolution(4, (99, 99)), (0,)), Node(Flatten(), (1,)), Node(Classifier(), (2,)))
    )
    with pytest.raises(InvalidArchitecture):
        fit(too_small, data, brief)


def test_epoch_losses_are_finite_numbers(data: DeviceData, brief: Recipe) -> None:
    assert all(math.isfinite(loss) for loss in fit(network(), data, brief, depth=False).train_losses)


def test_balanced_accuracy_is_told_where_classes_are_unbalanced_alone(data: DeviceData, brief: Recipe) -> None:
    even = fit(network(), data, brief, seed=1)
    assert even.balanced_accuracy is None
    assert even.test_balanced_accuracy is None
    kept = torch.cat([torch.nonzero(data.y_train == label)[: 10 + 10 * label, 0] for label in range(3)])
    uneven = replace(data, x_train=data.x_train[kept], y_train=data.y_train[kept])
    result = fit(network(), uneven, brief, seed=1)
    assert result.balanced_accuracy is not None
    assert result.module is not None
    predicted = logits_of(result.module, data.x_validation, data).argmax(dim=1)
    recalls = [float((predicted[data.y_validation == label] == label).double().mean()) for label in range(3)]
    assert result.balanced_accuracy == pytest.approx(sum(recalls) / 3)
    assert result.test_balanced_accuracy is not None
