"""Every test begins with the same random state."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

SEEN: list[tuple[float, float, float]] = []


@pytest.fixture(scope="module")
def drawn_by_a_fixture() -> float:
    return float(torch.rand(()))


@pytest.mark.parametrize("time", ["first", "again"])
def test_unseeded_draws_are_those_of_every_test(time: str) -> None:
    SEEN.append((random.random(), float(np.random.rand()), float(torch.rand(()))))  # noqa: NPY002 - the global state
    assert len(set(SEEN)) == 1


def test_a_fixture_of_a_module_draws_from_it_too(drawn_by_a_fixture: float) -> None:
    torch.manual_seed(0)
    assert drawn_by_a_fixture == float(torch.rand(()))
