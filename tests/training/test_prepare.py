from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from presage.training import ImageDataset, Recipe, prepare


def test_images_are_uint8_on_the_device_in_the_shape_networks_take(stripes: ImageDataset, brief: Recipe) -> None:
    data = prepare(stripes, replace(brief, image_side=8), "cpu")
    assert data.x_train.dtype == torch.uint8
    assert data.x_train.shape == (96, 1, 8, 8)
    assert data.input_shape == (1, 8, 8)
    assert data.classes == 3
    assert data.fingerprint == stripes.fingerprint
    assert data.x_validation.shape[0] == len(data.y_validation) == 36
    assert len(data.y_test) == 60


def test_training_and_validation_are_disjoint_rows_of_the_training_set(stripes: ImageDataset, brief: Recipe) -> None:
    data = prepare(stripes, brief, "cpu")
    assert not set(data.train_images) & set(data.validation_images)
    np.testing.assert_array_equal(data.x_train[:, 0], stripes.x_train[data.train_images][..., 0])
    np.testing.assert_array_equal(data.y_validation, stripes.y_train[data.validation_images])


def test_caps_are_stratified_and_repeatable(stripes: ImageDataset, brief: Recipe) -> None:
    recipe = replace(brief, validation_images=9, test_images=12)
    first, second = prepare(stripes, recipe, "cpu"), prepare(stripes, recipe, "cpu")
    assert np.bincount(first.y_validation).tolist() == [3, 3, 3]
    assert np.bincount(first.y_test).tolist() == [4, 4, 4]
    np.testing.assert_array_equal(first.validation_images, second.validation_images)
    other = prepare(stripes, replace(recipe, split_seed=1), "cpu")
    assert first.validation_images.tolist() != other.validation_images.tolist()


def test_mean_and_deviation_are_of_the_training_images_alone(stripes: ImageDataset, brief: Recipe) -> None:
    data = prepare(stripes, brief, "cpu")
    pixels = stripes.x_train[data.train_images].astype(float)
    np.testing.assert_allclose(data.mean, [pixels.mean()], rtol=1e-5)
    np.testing.assert_allclose(data.deviation, [pixels.std()], rtol=1e-3)


def test_images_of_one_colour_do_not_divide_by_nothing(brief: Recipe) -> None:
    labels = np.arange(40) % 2
    images = np.full((44, 12, 12, 3), 7, np.uint8)
    flat = ImageDataset("flat", images[:40], labels, images[40:], labels[:4], ("a", "b"))
    assert prepare(flat, brief, "cpu").deviation.tolist() == [1.0, 1.0, 1.0]


def test_mean_and_deviation_equal_those_in_double_precision_to_the_last_bit(brief: Recipe) -> None:
    rng = np.random.default_rng(0)
    images = (rng.random((5000, 6, 6, 3)) ** 3 * 255).astype(np.uint8)
    labels = np.arange(5000) % 2
    colours = ImageDataset("colours", images, labels, images[:10], labels[:10], ("a", "b"))
    data = prepare(colours, replace(brief, train_images=None, image_side=6, shift=1), "cpu")
    pixels = data.x_train.double()
    assert torch.equal(data.mean, pixels.mean(dim=(0, 2, 3)).float())
    assert torch.equal(data.deviation, pixels.std(dim=(0, 2, 3)).float())


def test_a_dataset_of_own_validation_images_is_scored_on_these(stripes: ImageDataset, brief: Recipe) -> None:
    own = np.arange(10, 40)
    data = prepare(replace(stripes, validation=own), replace(brief, train_images=None), "cpu")
    assert data.validation_images.tolist() == own.tolist()
    np.testing.assert_array_equal(data.x_validation[:, 0], stripes.x_train[own][..., 0])
    assert len(data.train_images) == 150
    assert not set(data.train_images) & set(own)
