from __future__ import annotations

import time
from collections.abc import Callable
from math import isfinite, log

import numpy as np
import pytest
import torch

from presage.probe import DESCRIPTION_NAMES, describe
from presage.probe.description import shrink
from presage.training import ImageDataset


def of(images: np.ndarray, labels: np.ndarray, k: int) -> ImageDataset:
    names = tuple(str(label) for label in range(k))
    return ImageDataset("given", images, labels, images[:k], labels[:k], names)


def test_counts_by_hand() -> None:
    images = np.zeros((8, 4, 16, 3), np.uint8)
    found = describe(of(images, np.array([0, 1, 0, 0, 0, 0, 0, 1]), 2))
    assert tuple(found) == DESCRIPTION_NAMES
    assert found["log_classes"] == pytest.approx(log(2))
    assert found["log_images"] == pytest.approx(log(8))
    assert found["log_images_per_class"] == pytest.approx(log(4))
    assert found["log_smallest_class"] == pytest.approx(log(2))
    assert found["chance"] == 0.75
    assert found["imbalance"] == pytest.approx(1 + (0.75 * log(0.75) + 0.25 * log(0.25)) / log(2))
    assert found["channels"] == 3
    assert found["log2_side"] == pytest.approx(3)  # of the square root of 4 · 16


def test_pixels_by_hand() -> None:
    images = np.zeros((4, 2, 2, 3), np.uint8)
    images[1::2] = 255
    images[:, :, :, 0] = 51  # 0.2 of 1
    found = describe(of(images, np.array([0, 1, 0, 1]), 2))
    assert found["brightness"] == pytest.approx((0.2 / 3 + 2.2 / 3) / 2)
    assert found["brightness_spread"] == pytest.approx((2.2 / 3 - 0.2 / 3) / 2)
    assert found["extreme_pixels"] == pytest.approx(2 / 3)
    dark, light = 0.2 / 3, 2.2 / 3
    assert found["colour"] == pytest.approx(((0.2 - dark) + 2 * dark + (light - 0.2) + 2 * (1 - light)) / 6)
    assert found["roughness"] == 0.0


def test_a_checkerboard_is_all_high_frequency_and_a_slope_is_not() -> None:
    board = np.indices((32, 32)).sum(axis=0) % 2 * 200
    slope = np.linspace(0, 200, 32)[None, :].repeat(32, axis=0)
    labels = np.array([0, 1, 0, 1])
    for image, expected in ((board, 1.0), (slope, 0.0)):
        images = np.stack([image] * 4).astype(np.uint8)[..., None]
        assert describe(of(images, labels, 2))["high_frequency"] == pytest.approx(expected, abs=0.1)


def test_variance_in_two_equal_directions_has_dimension_two() -> None:
    draw = np.random.default_rng(0)
    amounts = draw.uniform(-1, 1, (800, 2))
    images = np.full((800, 16, 16), 128.0)
    images[:, :8] += 90 * amounts[:, :1, None]
    images[:, 8:] += 90 * amounts[:, 1:, None]
    found = describe(of(images.round().astype(np.uint8)[..., None], np.arange(800) % 2, 2))
    assert found["log_effective_dimension"] == pytest.approx(log(2), abs=0.01)
    assert found["first_component"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", ["nearest_mean_accuracy", "one_neighbour_accuracy", "linear_accuracy"])
def test_simple_classifiers_know_easy_from_random(patterns: Callable[..., ImageDataset], name: str) -> None:
    assert describe(patterns())[name] == 1.0
    assert describe(patterns(n=2000, random_labels=True))[name] == pytest.approx(0.25, abs=0.08)


def test_between_class_variance_is_all_without_noise_and_none_for_random_labels(
    patterns: Callable[..., ImageDataset],
) -> None:
    assert describe(patterns(noise=0.0))["between_class_variance"] == pytest.approx(1.0)
    assert describe(patterns(random_labels=True))["between_class_variance"] < 0.05


@pytest.mark.parametrize("side", [28, 32, 17, 9])
def test_shrink_is_torch_adaptive_average_pooling(side: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, side, side, 3)).astype(np.uint8)
    pooled = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(images / 255.0).permute(0, 3, 1, 2), 16)
    np.testing.assert_allclose(shrink(images, 16), pooled.permute(0, 2, 3, 1).numpy(), atol=1e-12)


def test_constant_images_and_hardly_any_images_give_finite_numbers() -> None:
    for side in (1, 16):
        found = describe(of(np.full((4, side, side, 1), 7, np.uint8), np.array([0, 0, 1, 1]), 2))
        assert all(isfinite(value) for value in found.values())


def test_test_images_do_not_matter(patterns: Callable[..., ImageDataset]) -> None:
    dataset = patterns()
    other = ImageDataset(
        "other", dataset.x_train, dataset.y_train, 255 - dataset.x_test, dataset.y_test[::-1], dataset.classes
    )
    assert describe(dataset) == describe(other)


def test_sixty_thousand_images_take_less_than_two_seconds_of_a_processor() -> None:
    images = np.random.default_rng(0).integers(0, 256, (60_000, 28, 28, 1), dtype=np.uint8)
    dataset = of(images, np.arange(60_000) % 10, 10)
    began = time.process_time()
    describe(dataset)
    assert time.process_time() - began < 2.0
