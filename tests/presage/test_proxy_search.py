"""The scorer that `presage search --score proxy:NAME` searches on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from presage.architecture.spaces import get_space
from presage.steps.prediction import BoundPredictor
from presage.steps.searching import scorers
from presage.surrogate.proxies import Minibatch, proxies
from presage.training import Recipe, load_dataset, prepare


def test_a_search_on_a_proxy_measures_candidates_on_the_users_own_training_images(
    shapes_npz: Path,
) -> None:
    dataset, recipe = load_dataset(str(shapes_npz)), Recipe(train_images=40, image_side=8)

    def bound() -> BoundPredictor:
        raise AssertionError("no predictor is asked for")

    space = get_space("nb201:width=4")
    factory = scorers("proxy:naswot", bound, "ensemble", dataset, recipe, seed=3, device="cpu", space=space)
    assert factory is not None
    scorer = factory(1, [])
    assert scorer.name == "proxy:naswot"
    codes = space.sample(2, np.random.default_rng(0))
    minibatch = Minibatch.of(prepare(dataset, recipe, "cpu"))
    expected = [
        proxies(space.decode(space.params(code)), minibatch, names=["naswot"], seed=3, device="cpu")["naswot"]
        for code in codes
    ]
    assert scorer.score(space.decode_batch(codes)).value.tolist() == expected
