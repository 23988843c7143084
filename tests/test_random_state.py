"""Every test begins with the same random state."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module")
def drawn_by_a_fixture() -> float:
    return float(torch.rand(()))


def test_unseeded_draws_are_those_of_seed_0() -> None:
    assert random.random() == random.Random(0).random()
    assert np.random.rand() == np.random.RandomState(0).rand()  # noqa: NPY002 - the global state
    assert torch.rand(()) == torch.rand((), generator=torch.Generator().manual_seed(0))


def test_a_fixture_of_a_module_draws_from_it_too(drawn_by_a_fixture: float) -> None:
    torch.manual_seed(0)
    assert drawn_by_a_fixture == float(torch.rand(()))
