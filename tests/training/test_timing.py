"""What a training takes, from what a few steps took: sums done by hand, and one real measurement."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.spaces import get_space
from presage.training.recipe import Recipe
from presage.training.timing import Images, Speed, Timing, fitted_speed, timed

RECIPE = Recipe(epochs=10, batch=50, train_images=2000, least_epoch_images=1000)


@pytest.mark.parametrize(
    ("train", "expected"),
    [(5000, 2000), (2000, 2000), (1999, 1950), (600, 1200), (333, 1300), (30, 1020)],  # the last: batches of 30
)
def test_images_of_an_epoch_are_whole_batches_of_as_many_passes_as_the_loop_makes(train: int, expected: int) -> None:
    assert Images(train, 100).epoch(RECIPE) == expected


def test_seconds_add_up() -> None:
    speed = Speed(image=1e-4, each=1e-10, scored=0.25, start=2.0)
    image = 1e-4 + 1e-10 * 1e6
    assert speed.epoch(RECIPE, Images(5000, 400), 1e6) == pytest.approx(image * (2000 + 100))
    assert speed.seconds(RECIPE, Images(5000, 400, 800), 1e6) == pytest.approx(2 + 10 * image * 2100 + image * 200)


def test_a_speed_is_found_again_from_what_it_took() -> None:
    timings = [Timing(work, 3e-5 + 2e-10 * work, 1e-5 + 0.5e-10 * work) for work in (100_000, 1_000_000, 9_000_000)]
    speed = fitted_speed(timings)
    assert speed.image == pytest.approx(3e-5, rel=1e-6)
    assert speed.each == pytest.approx(2e-10, rel=1e-6)
    assert 0.25 <= speed.scored <= 1 / 3


@pytest.mark.parametrize(
    "timings",
    [
        [Timing(1_000_000, 1e-4, 3e-5)],
        [Timing(1_000_000, 1e-4, 3e-5), Timing(1_000_000, 1.2e-4, 3e-5)],
        [Timing(1_000_000, 1e-4, 3e-5), Timing(2_000_000, 9e-5, 3e-5)],  # the larger one was faster
        [Timing(1_000_000, 1e-4, 3e-5), Timing(2_000_000, 9e-4, 3e-5)],  # superlinear
    ],
)
def test_no_term_is_ever_negative_and_what_was_measured_is_roughly_explained(timings: list[Timing]) -> None:
    speed = fitted_speed(timings)
    assert min(speed.image, speed.each) >= 0
    for timing in timings:
        assert 0.1 < (speed.image + speed.each * timing.work) / timing.image < 4


def test_a_network_is_timed_as_it_would_be_trained() -> None:
    space = get_space("chain")
    architecture = space.decode(space.params(space.sample(1, np.random.default_rng(0))[0]))
    timing = timed(architecture, (1, 8, 8), 3, Recipe(batch=8, shift=1), "cpu")
    assert timing is not None
    assert timing.work > 0
    assert 0 < timing.scored < 10
    assert 0 < timing.image < 10


def test_a_network_that_cannot_be_trained_here_has_no_timing() -> None:
    space = get_space("chain")
    architecture = space.decode(space.params(space.sample(1, np.random.default_rng(0))[0]))
    assert timed(architecture, (1, 8, 8), 3, Recipe(batch=8, learning_rate=1e30, clip=1e30), "cpu") is None


def test_small_networks_are_not_free_whatever_a_line_through_scattered_times_says() -> None:
    scattered = [Timing(10_000, 1e-4, 3e-5), Timing(1_000_000, 1.1e-4, 3e-5), Timing(10_000_000, 2.5e-3, 8e-4)]
    speed = fitted_speed(scattered)
    assert speed.image >= 0.5e-4
    assert speed.each > 0
