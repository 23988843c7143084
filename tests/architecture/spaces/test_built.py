"""Networks of every space, built: parameters and multiply-adds are those that were counted without torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from presage.architecture.batch.costs import batch_costs
from presage.architecture.spaces import get_space
from presage.architecture.torch_bridge.build import build


@pytest.mark.slow
@pytest.mark.parametrize(("name", "shape"), [("chain", (3, 8, 8)), ("nb201", (1, 8, 8))])
def test_200_random_networks_cost_what_torch_counts(name: str, shape: tuple[int, int, int]) -> None:
    check_costs(name, shape, n=200)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("enas_macro", (3, 8, 8)),
        ("enas_macro:layers=9,width=4", (1, 9, 7)),
        ("mobile", (3, 8, 8)),
        ("mobile:stages=6,blocks=2,width=8,reductions=5", (1, 9, 7)),
        ("blocks", (3, 8, 8)),
        ("blocks:blocks=1,width=8", (1, 9, 7)),
        ("hierarchical:width=3", (3, 8, 8)),
        ("hierarchical:motifs=2,cells=2,width=2", (1, 9, 7)),
        ("nb101", (3, 8, 8)),
        ("nb101:cells=2,width=7,stacks=2", (1, 9, 7)),
    ],
)
def test_random_networks_cost_what_torch_counts(name: str, shape: tuple[int, int, int]) -> None:
    check_costs(name, shape, n=6)


def check_costs(name: str, shape: tuple[int, int, int], n: int) -> None:
    space = get_space(name)
    batch = space.decode_batch(space.sample(n, np.random.default_rng(11)))
    found = batch_costs(batch, shape, 7)
    image = torch.zeros(1, *shape)
    for index, architecture in enumerate(batch.architectures()):
        module = build(architecture, shape, 7).eval()
        assert sum(parameter.numel() for parameter in module.parameters()) == found.parameters[index]
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            assert module(image).shape == (1, 7)
        assert counter.get_total_flops() == 2 * found.multiply_adds[index]


@pytest.mark.parametrize("side", [1, 4, 5])
def test_chains_run_on_the_smallest_images(side: int) -> None:
    space = get_space("chain")
    batch = space.decode_batch(space.sample(60, np.random.default_rng(12)))
    for architecture in batch.architectures():
        module = build(architecture, (3, side, side), 4).eval()
        with torch.no_grad():
            assert torch.isfinite(module(torch.zeros(1, 3, side, side))).all()
