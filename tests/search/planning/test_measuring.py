"""What is timed before a plan is made, and by how many threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from presage.architecture.spaces import get_space
from presage.search.final.settings import FinalSettings
from presage.search.planning import measuring
from presage.search.planning.workload import Offer
from presage.search.settings import SearchSettings
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe
from presage.training.timing import Speed


@pytest.mark.parametrize(
    ("at_once", "brief", "threads"),
    [
        pytest.param(None, True, [3, 3], id="one after the other"),
        pytest.param(2, False, [1, 1, 3], id="side by side, and one by all threads"),
        pytest.param(2, True, [1, 1], id="side by side, nothing by all threads"),
    ],
)
def test_final_trainings_are_timed_by_the_threads_that_they_may_have(
    monkeypatch: pytest.MonkeyPatch, at_once: int | None, brief: bool, threads: list[int]
) -> None:
    seen: list[int] = []

    def speed(*asked: Any, depth: bool) -> Speed:
        seen.append(torch.get_num_threads())
        return Speed(1e-4, 1e-10 * len(seen))

    monkeypatch.setattr(measuring, "_speed", speed)
    images, labels = np.zeros((60, 8, 8, 1), np.uint8), np.arange(60) % 2
    dataset = ImageDataset("zeros", images, labels, images[:6], labels[:6], classes=("one", "other"))
    offer = Offer(Recipe(image_side=8), FinalSettings(Recipe(image_side=8, epochs=20)))
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        found = measuring.measured(
            dataset, get_space("nb201"), [offer], SearchSettings(), latency=None, device="cpu", at_once=at_once,
            brief=brief,
        )  # fmt: skip
    finally:
        torch.set_num_threads(before)
    assert seen == threads
    assert (found.beside is None) == (at_once is None)
    (offered,) = found.offered((), 0.001)
    assert (offered.workload.beside == offered.workload.finishing) == (at_once is not None and brief)
