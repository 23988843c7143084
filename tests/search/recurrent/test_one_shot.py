"""The network that shares weights computes each of its cells, and the relaxed one mixes them as DARTS does."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from presage.architecture.recurrent.operations import FUNCTIONS
from presage.architecture.recurrent.published import DARTS_V2, ENAS
from presage.architecture.recurrent.spaces import RnnDarts, RnnEnas
from presage.search.recurrent.one_shot import _unrolled_rate, darts_cells, derived, enas_cells
from presage.search.recurrent.shared_cells import CellWiring, SharedCells, wiring_of
from presage.training.text.recipe import TextRecipe
from presage.training.text.text_data import TextData, text_data

RECIPE = TextRecipe(epochs=3, batch=8, sequence_length=12, learning_rate=0.01)


@pytest.fixture(scope="module")
def data() -> TextData:
    numbers = random.Random(0)
    return text_data("".join(numbers.choice(("sun ", "moon ", "rain\n")) for _ in range(500)), "sky")


def test_the_wiring_of_the_published_cells() -> None:
    enas = wiring_of(RnnEnas(), RnnEnas().from_genotype("tanh", ENAS))
    assert (enas.first, enas.nodes, enas.outputs) == ("tanh", tuple(ENAS), (2, 5, 6, 9, 10, 11))
    darts = wiring_of(RnnDarts(), RnnDarts().from_genotype(DARTS_V2))
    assert (darts.first, darts.nodes, darts.outputs) == ("tanh", tuple(DARTS_V2), tuple(range(1, 9)))


def test_cells_share_the_weights_of_the_edges_they_have_in_common() -> None:
    torch.manual_seed(0)
    model = SharedCells(4, 10, width=8)
    cell = CellWiring("tanh", (("relu", 0), ("tanh", 1), ("sigmoid", 0)), (2, 3))
    logits, h = model(torch.randint(10, (5, 3)), None, cell)
    assert logits.shape == (5, 3, 10)
    assert h.shape == (3, 8)
    logits.sum().backward()
    assert model.weight.grad is not None
    used = {(node, edge) for node in range(3) for edge in range(3) if model.weight.grad[node, edge].abs().sum() > 0}
    assert used == {(0, 0), (1, 1), (2, 0)}


def test_a_mixture_of_one_operation_is_that_cell() -> None:
    """Shares of 1 on one activation of one edge into each state: the states, normalised alike."""
    torch.manual_seed(0)
    model = SharedCells(3, 10, relaxed=True, width=8)
    shares = torch.zeros(3, 1 + len(FUNCTIONS))
    shares[0, 1 + FUNCTIONS.index("relu")] = 1.0  # state 1 reads 0
    shares[2, 1 + FUNCTIONS.index("sigmoid")] = 1.0  # state 2 reads 1
    symbols = torch.randint(10, (1, 6))
    h = torch.randn(6, 8)
    mixed, _ = model(symbols, h, shares)

    def normal(x: torch.Tensor) -> torch.Tensor:
        return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()

    def highway(both: torch.Tensor, function: str, old: torch.Tensor) -> torch.Tensor:
        gate, new = both[:, :8].sigmoid(), getattr(torch, function)(both[:, 8:])
        return gate * new + (1 - gate) * old

    zero = normal(highway(model.fed(model.embedding(symbols[0])) + model.recurrent(h), "tanh", h))
    one = normal(highway(zero @ model.weight[0, 0].T + model.bias[0, 0], "relu", zero))
    two = normal(highway(one @ model.weight[1, 0].T + model.bias[1, 0], "sigmoid", one))
    assert torch.allclose(mixed[0], model.classifier((one + two) / 2), atol=1e-5)


def test_the_strongest_edges_and_activations_are_taken_and_none_is_not() -> None:
    shares = torch.full((6, 1 + len(FUNCTIONS)), 0.1)
    shares[:, 0] = 0.9  # none
    shares[0, 1 + FUNCTIONS.index("relu")] = 0.3
    shares[2, 1 + FUNCTIONS.index("identity")] = 0.4  # state 2 reads 1
    shares[3, 1 + FUNCTIONS.index("sigmoid")] = 0.5  # state 3 reads 0
    space = RnnDarts(nodes=3)
    assert space.genotype(derived(space, shares)) == [("relu", 0), ("identity", 1), ("sigmoid", 0)]


def test_both_learn_are_repeated_by_their_seed_and_leave_torch_s_generator_alone(data: TextData) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    space = RnnEnas(nodes=3)
    first, second = (enas_cells(data, space, RECIPE, count=3, seed=1) for _ in range(2))
    assert first == second
    assert first.losses[-1] < first.losses[0]
    assert first.proxies == sorted(first.proxies)
    assert space.valid(space.codes(first.params)).all()
    assert np.isfinite(first.entropy)
    for unrolled in (False, True):
        relaxed, again = (darts_cells(data, RnnDarts(nodes=2), RECIPE, seed=1, unrolled=unrolled) for _ in range(2))
        assert relaxed == again
        assert relaxed.losses[-1] < relaxed.losses[0]
        assert len(relaxed.params) == 1
    assert torch.equal(before, torch.get_rng_state())


def test_an_unrolled_step_is_as_long_as_adam_s() -> None:
    weights = [torch.nn.Parameter(torch.zeros(3, 4)), torch.nn.Parameter(torch.zeros(4))]
    optimizer = torch.optim.Adam(weights, lr=0.01)
    assert _unrolled_rate(optimizer, weights) == 0.01
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    length = torch.cat([weight.grad.flatten() for weight in weights if weight.grad is not None]).norm()
    optimizer.step()
    moved = torch.cat([weight.detach().flatten() for weight in weights]).norm()
    assert _unrolled_rate(optimizer, weights) * float(length) == pytest.approx(float(moved), rel=1e-3)


def test_both_orders_of_darts_end_with_other_shares(data: TextData, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second order sees what the weights would become."""
    kept: list[torch.Tensor] = []
    monkeypatch.setattr(
        "presage.search.recurrent.one_shot.derived", lambda space, shares: kept.append(shares.clone()) or {}
    )
    for unrolled in (False, True):
        darts_cells(data, RnnDarts(nodes=2), RECIPE, seed=1, unrolled=unrolled)
    assert not torch.equal(*kept)
