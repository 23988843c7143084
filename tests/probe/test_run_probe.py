from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from presage.errors import InvalidArgument
from presage.probe import PROBE_RECIPE, PROBE_VERSION, ProbeRun, describe, difficulty_card, run, run_probe
from presage.training import EpochRecord, ImageDataset, Recipe

Maker = Callable[..., ImageDataset]


def test_an_easy_dataset_has_a_dcn_near_one(easy_run: ProbeRun) -> None:
    assert easy_run.dcn > 0.97
    assert len(easy_run.curve) == 10
    assert easy_run.dcn == max(easy_run.curve)
    assert easy_run.version == PROBE_VERSION
    assert easy_run.chance == pytest.approx(0.25)


def test_the_same_seed_gives_the_same_probe(patterns: Maker, easy_run: ProbeRun) -> None:
    epochs: list[EpochRecord] = []
    again = run_probe(patterns(), seed=3, device="cpu", on_epoch=epochs.append)
    assert again.curve == easy_run.curve
    assert np.array_equal(again.confusion, easy_run.confusion)
    assert tuple(record.validation_accuracy for record in epochs) == again.curve


def test_test_images_and_labels_do_not_matter(patterns: Maker, easy_run: ProbeRun) -> None:
    dataset = patterns()
    other = replace(dataset, x_test=255 - dataset.x_test, y_test=dataset.y_test[::-1].copy())
    assert run_probe(other, seed=3, device="cpu").curve == easy_run.curve


def test_random_labels_have_a_dcn_near_chance(patterns: Maker) -> None:
    found = run_probe(patterns(n=800, random_labels=True), device="cpu")
    assert found.dcn < 0.25 + 3.5 * (0.25 * 0.75 / 158) ** 0.5  # the highest of ten draws of 158 guesses
    assert found.dcn >= 0.2


def test_the_noisier_dataset_is_the_harder_one(patterns: Maker, easy_run: ProbeRun) -> None:
    hard = run_probe(patterns(noise=250.0), device="cpu")
    assert 0.35 < hard.dcn < easy_run.dcn - 0.1


def test_confusion_counts_the_validation_images(easy_run: ProbeRun) -> None:
    assert easy_run.confusion.sum() == round(0.2 * 392)
    assert easy_run.confusion.shape == (4, 4)


def test_planted_label_noise_is_found(patterns: Maker) -> None:
    clean = patterns(n=1500, noise=60.0)
    draw = np.random.default_rng(12345)  # unlike the splits' seeds: the same one would plant noise by split
    planted = draw.random(len(clean.y_train)) < 0.08
    noisy = np.where(planted, (clean.y_train + draw.integers(1, 4, len(planted))) % 4, clean.y_train)
    card = difficulty_card([run_probe(replace(clean, y_train=noisy), device="cpu")])
    assert card.noise is not None
    suspects = [suspect.image for suspect in card.noise.suspects]
    held_out = round(0.2 * len(planted))
    assert card.noise.examined == held_out
    precision = planted[suspects].mean()
    recall = planted[suspects].sum() / (planted.mean() * held_out)
    assert precision > 0.8  # chance: .08
    assert recall > 0.5
    for suspect in card.noise.suspects:
        if planted[suspect.image]:
            assert suspect.looks_like == clean.y_train[suspect.image]


def test_images_beyond_the_cap_are_predicted_but_not_trained_on(
    patterns: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = replace(run.PROBE_RECIPE, train_images=40, validation_images=20, least_epoch_images=40)
    monkeypatch.setattr(run, "PROBE_RECIPE", tiny)
    monkeypatch.setattr(run, "MOST_HELD_OUT", 100)
    dataset = patterns()
    held_out = run_probe(dataset, device="cpu").held_out
    assert held_out is not None
    assert len(np.unique(held_out.images)) == 100
    assert np.array_equal(held_out.labels, dataset.y_train[held_out.images])
    np.testing.assert_allclose(held_out.probabilities.sum(axis=1), 1.0, atol=1e-5)


def test_a_negative_seed_is_refused(patterns: Maker) -> None:
    with pytest.raises(InvalidArgument, match="`seed` of `run_probe` must be at least 0"):
        run_probe(patterns(), seed=-1)


def test_the_probe_sees_the_images_that_experiments_of_the_default_recipe_see() -> None:
    for name in ("image_side", "train_images", "validation_fraction", "validation_images", "split_seed"):
        assert getattr(PROBE_RECIPE, name) == getattr(Recipe(), name)


def test_a_probe_is_by_one_thread_however_many_there_are(patterns: Maker) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen: list[int] = []
        run = run_probe(patterns(), on_epoch=lambda record: seen.append(torch.get_num_threads()))
        assert set(seen) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert run.curve == run_probe(patterns()).curve


def test_a_dataset_is_described_once_for_all_its_probes(patterns: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = patterns()
    first = run_probe(dataset)
    monkeypatch.setattr("presage.probe.run.describe", None)
    second = run_probe(dataset, seed=1, description=first.description)
    assert second.description == first.description == describe(dataset)
