from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from presage.errors import Diverged, InvalidArgument
from presage.training import DeviceData, EpochRecord, Recipe, evaluate, logits_of, train
from presage.training.loop import _class_weights, fixed_randomness


def same(first: list[EpochRecord], second: list[EpochRecord]) -> bool:
    return [replace(r, seconds=0) for r in first] == [replace(r, seconds=0) for r in second]


def test_it_learns_and_reports_every_epoch(small: nn.Module, data: DeviceData, brief: Recipe) -> None:
    records = list(train(small, data, replace(brief, epochs=6), seed=0))
    assert [record.epoch for record in records] == list(range(6))
    assert records[-1].validation_accuracy > 0.9
    assert records[-1].train_loss < records[0].train_loss
    assert all(len(record.depth_accuracies) == 2 for record in records)
    assert records[-1].depth_accuracies[1] > 0.5
    assert all(0 <= record.train_accuracy <= 1 and record.seconds > 0 for record in records)


def test_the_same_seed_gives_the_same_curve_and_another_seed_another(
    small: nn.Module, data: DeviceData, brief: Recipe
) -> None:
    first, second, third = (list(train(copy.deepcopy(small), data, brief, seed=seed)) for seed in (0, 0, 1))
    assert same(first, second)
    assert not same(first, third)


def test_depth_heads_do_not_touch_the_body(small: nn.Module, data: DeviceData, brief: Recipe) -> None:
    other = copy.deepcopy(small)
    with_heads = list(train(small, data, brief, seed=0))
    without = list(train(other, data, brief, seed=0, taps=()))
    assert [r.validation_loss for r in with_heads] == [r.validation_loss for r in without]
    assert without[0].depth_accuracies == ()
    for left, right in zip(small.parameters(), other.parameters(), strict=True):
        assert torch.equal(left, right)


def test_the_caller_s_random_state_is_left_alone(small: nn.Module, data: DeviceData, brief: Recipe) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    list(train(small, data, brief, seed=0))
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("change", [{"optimizer": "sgd", "learning_rate": 0.05}, {"batch": 1000}, {"shift": 0}])
def test_other_recipes_train_too(small: nn.Module, data: DeviceData, brief: Recipe, change: dict[str, object]) -> None:
    recipe = Recipe.from_json({**brief.to_json(), **change})
    records = list(train(small, data, recipe, seed=0))
    assert records[-1].train_loss < records[0].train_loss


LATER = [
    {"erasing": 0.5},
    {"mixup": 0.2},
    {"cutmix": 1.0},
    {"mixup": 0.4, "cutmix": 0.4, "class_weights": True},
    {"policy": "photometric"},
    {"ema": 0.9},
    {"class_weights": True},
    {"test_mirroring": True, "ema": 0.5},
]


@pytest.mark.parametrize("change", LATER)
def test_recipes_with_later_fields_learn_and_repeat_and_resume(
    small: nn.Module, data: DeviceData, brief: Recipe, change: dict[str, object], tmp_path: Path
) -> None:
    recipe = Recipe.from_json({**brief.to_json(), "epochs": 5, **change})
    modules = [copy.deepcopy(small) for _ in range(4)]
    records = list(train(modules[0], data, recipe, seed=0))
    assert records[-1].validation_accuracy > 0.8
    path = tmp_path / "checkpoint"
    begun = train(modules[1], data, recipe, seed=0, checkpoint=path)
    for _ in range(2):
        next(begun)
    assert same(list(train(modules[2], data, recipe, seed=0, checkpoint=path)), records)
    assert same(list(train(modules[3], data, recipe, seed=0, checkpoint=path)), records)  # nothing is left to do
    for other in modules[2:]:
        for left, right in zip(modules[0].state_dict().values(), other.state_dict().values(), strict=True):
            assert torch.equal(left, right)


def test_the_trained_module_has_the_averaged_weights(small: nn.Module, data: DeviceData, brief: Recipe) -> None:
    plain, averaged = copy.deepcopy(small), copy.deepcopy(small)
    last = list(train(plain, data, brief, seed=0, taps=()))[-1]
    found = list(train(averaged, data, replace(brief, ema=0.9), seed=0, taps=()))[-1]
    assert found.train_loss == last.train_loss  # training itself is the same
    assert found.validation_loss != last.validation_loss
    scores = evaluate(averaged, data.x_validation, data.y_validation, data)
    assert (scores.loss, scores.accuracy) == (found.validation_loss, found.validation_accuracy)


def test_mirroring_averages_the_logits_of_both_ways_round(small: nn.Module, data: DeviceData) -> None:
    images = data.x_validation
    both = logits_of(small, images, data, mirroring=True)
    by_hand = (logits_of(small, images, data) + logits_of(small, images.flip(3), data)) / 2
    torch.testing.assert_close(both, by_hand)
    torch.testing.assert_close(logits_of(small, images.flip(3), data, mirroring=True), both)


def test_class_weights_give_each_class_the_same_say(data: DeviceData) -> None:
    uneven = replace(data, y_train=torch.tensor([0] * 60 + [1] * 30 + [2] * 6))
    assert _class_weights(uneven).tolist() == pytest.approx([96 / 180, 96 / 90, 96 / 18])
    nobody = replace(data, y_train=torch.tensor([0, 0, 1, 1]))
    assert bool(_class_weights(nobody).isfinite().all())


def test_a_batch_that_is_still_auto_is_refused(small: nn.Module, data: DeviceData, brief: Recipe) -> None:
    with pytest.raises(InvalidArgument, match="`batch` of `train` must be a number"):
        list(train(small, data, replace(brief, batch=0), seed=0))


def test_the_default_curve_is_what_it_was_before_recipes_gained_fields(
    small: nn.Module, data: DeviceData, brief: Recipe
) -> None:
    """Measured by the code of 4,060 shipped experiments; another CPU may round otherwise, other draws differ by far."""
    records = list(train(small, data, brief, seed=0))
    assert [record.train_loss for record in records] == pytest.approx(
        [1.0600467522939045, 0.5984670321146647, 0.32951414585113525], rel=1e-4
    )
    assert [record.validation_accuracy for record in records] == pytest.approx([1.0, 1.0, 1.0])


def test_bfloat16_trains_too(small: nn.Module, data: DeviceData, brief: Recipe) -> None:
    records = list(train(small, data, replace(brief, precision="bfloat16"), seed=0))
    assert math.isfinite(records[-1].train_loss)


def test_a_small_training_set_is_passed_over_several_times(small: nn.Module, data: DeviceData, brief: Recipe) -> None:
    """The batch norm counts its batches: one for each step."""
    list(train(small, data, replace(brief, epochs=1, least_epoch_images=300), seed=0))  # 4 passes over 96, batch 32
    assert int(small.first[1].num_batches_tracked) == 12


def test_a_loss_that_is_no_number_is_a_divergence(data: DeviceData, brief: Recipe) -> None:
    class Wild(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(144, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(x.flatten(1)) * math.inf

    with pytest.raises(Diverged, match="epoch 0"):
        list(train(Wild(), data, brief, seed=0))


def test_taps_need_a_tapped_module(data: DeviceData, brief: Recipe) -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(144, 3))
    with pytest.raises(InvalidArgument, match="taps"):
        list(train(plain, data, brief, seed=0, taps=(1,)))
    assert len(list(train(plain, data, brief, seed=0))) == 3


def test_evaluation_agrees_with_a_count_by_hand(small: nn.Module, data: DeviceData) -> None:
    small.eval()
    pixels = (data.x_test.float() - data.mean[:, None, None]) / data.deviation[:, None, None]
    with torch.no_grad():
        expected = small(pixels)
    found = evaluate(small, data.x_test, data.y_test, data)
    right = sum(int(row.argmax()) == int(label) for row, label in zip(expected, data.y_test, strict=True))
    assert found.accuracy == pytest.approx(right / len(data.y_test))
    assert found.loss == pytest.approx(float(nn.functional.cross_entropy(expected, data.y_test)), rel=1e-4)
    torch.testing.assert_close(logits_of(small, data.x_test, data), expected, rtol=1e-4, atol=1e-5)


def test_streams_of_one_seed_differ() -> None:
    values = set()
    for seed in range(3):
        for stream in range(3):
            with fixed_randomness(seed, torch.device("cpu"), stream) as value:
                values.add(value)
    assert len(values) == 9


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_it_learns_on_a_gpu_as_on_a_cpu(small: nn.Module, data: DeviceData, brief: Recipe) -> None:
    records = list(train(small, data, replace(brief, epochs=6), seed=0, device="cuda"))
    assert records[-1].validation_accuracy > 0.9
