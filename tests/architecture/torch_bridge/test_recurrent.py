"""A recurrent cell's module computes what its graph says, and its gradients are those of autograd."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from presage.architecture.operations import Activation, Add
from presage.architecture.recurrent.builder import CellBuilder
from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.operations import Blend, CellInput, CellMatrix, CellOutput, CellState, Mean, Product
from presage.architecture.recurrent.published import PUBLISHED, published
from presage.architecture.recurrent.registry import CELL_SPACES, get_cell_space
from presage.architecture.torch_bridge import recurrent_scan
from presage.architecture.torch_bridge.recurrent import Recurrent
from presage.errors import InvalidArgument


def node_by_node(
    module: Recurrent, x: Tensor, states: Sequence[Tensor], mask: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    """The graph itself, a step and a node at a time, by autograd."""
    plan, h = module.plan, module.hidden
    biases = dict(zip(plan.biased, module.bias.view(-1, h), strict=True))
    of_input = dict(zip(plan.fed, module.fed.view(len(plan.fed), h, -1), strict=True))
    of_value = {
        (node, group.source): weight
        for group, weights in zip(plan.groups, module.matrices, strict=True)
        for node, weight in zip(group.matrices, weights.view(len(group.matrices), h, h), strict=True)
    }
    made = []
    for now in x:
        values: list[Tensor] = []
        for at, node in enumerate(plan.cell.nodes):
            read = [values[source] for source in node.inputs]
            match node.operation:
                case CellInput():
                    found = now
                case CellState(index=index):
                    found = states[index]
                case CellMatrix():
                    found = biases[at].expand(len(now), -1) if at in biases else torch.zeros_like(states[0])
                    for source, value in zip(node.inputs, read, strict=True):
                        if source == 0:
                            found = found + value @ of_input[at].T
                        else:
                            found = found + (value if mask is None else value * mask) @ of_value[at, source].T
                case Activation(function=function):
                    found = getattr(torch, function)(read[0])
                case Add():
                    found = torch.stack(read).sum(0)
                case Mean():
                    found = torch.stack(read).mean(0)
                case Product():
                    found = read[0] * read[1]
                case Blend():
                    found = read[0] * read[1] + (1 - read[0]) * read[2]
                case CellOutput():
                    found, states = read[0], read
            values.append(found)
        made.append(values[-1])
    return torch.stack(made), list(states)


def odd_cell() -> RecurrentCell:
    """Matrices of several values, with and without biases, a matrix given as it is, a state that is handed on."""
    cell = CellBuilder(states=3)
    both = cell.matrix(cell.x, cell.h, cell.states[1])
    other = cell.matrix(both, cell.states[2], bias=False)
    alone = cell.matrix(cell.h, bias=False)
    fed = cell.matrix(cell.x, bias=False)
    mixed = cell.mean(cell.activation("relu", other), alone, cell.matrix(both))
    return cell.finish(cell.add(mixed, fed, cell.activation("tanh", both)), both, cell.h)


def drawn() -> list[RecurrentCell]:
    found = []
    for name in CELL_SPACES:
        space = get_cell_space(name)
        found += space.cells(space.sample(4, np.random.default_rng(0)))
    return found


CELLS = [*(published(name) for name in PUBLISHED), odd_cell(), *drawn()]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.hash[:8])
def test_values_and_gradients_are_those_of_the_graph(cell: RecurrentCell, masked: bool) -> None:
    torch.manual_seed(0)
    module = Recurrent(cell, 5, 7).double()
    x = torch.randn(6, 3, 5, dtype=torch.float64, requires_grad=True)
    states = [torch.randn(3, 7, dtype=torch.float64, requires_grad=True) for _ in range(cell.states)]
    mask = torch.bernoulli(torch.full((3, 7), 0.5)).double() * 2 if masked else None
    found = []
    for y, after in (module(x, states, mask), node_by_node(module, x, states, mask)):
        weights = torch.cos(torch.arange(y.numel(), dtype=torch.float64)).view_as(y)
        loss = (y * weights).sum() + sum(((1 + at) * state.square()).sum() for at, state in enumerate(after))
        gradients = torch.autograd.grad(loss, [x, *states, *module.parameters()], allow_unused=True)
        found.append([y, *after, *(torch.zeros(()) if one is None else one for one in gradients)])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-10) or (one.abs().max() == 0 == other.abs().max())


def test_the_lstm_and_the_gru_are_torch_s() -> None:
    torch.manual_seed(0)
    x = torch.randn(9, 4, 5)
    for name, theirs, order in (
        ("lstm", nn.LSTM(5, 6), (0, 1, 2, 3)),
        ("gru", nn.GRU(5, 6), (0, 1, 2)),
    ):
        own = Recurrent(published(name), 5, 6)
        _copy(own, theirs, order)
        assert torch.allclose(own(x)[0], theirs(x)[0], atol=1e-6)


def _copy(own: Recurrent, theirs: nn.LSTM | nn.GRU, order: Sequence[int]) -> None:
    """torch's weights into the module's: gates are told apart by what reads them."""
    nodes = own.plan.cell.nodes
    gates = _gates(own)
    h = own.hidden
    w, u = theirs.weight_ih_l0.view(len(order), h, -1), theirs.weight_hh_l0.view(len(order), h, h)
    b, c = theirs.bias_ih_l0.view(len(order), h), theirs.bias_hh_l0.view(len(order), h)
    with torch.no_grad():
        for place, node in enumerate(own.plan.fed):
            own.fed[place * h : (place + 1) * h] = w[gates[node]]
        for group, weights in zip(own.plan.groups, own.matrices, strict=True):
            for place, node in enumerate(group.matrices):
                weights[place * h : (place + 1) * h] = u[gates[node]]
        for place, node in enumerate(own.plan.biased):
            reads_input = 0 in nodes[node].inputs
            reads_state = len(nodes[node].inputs) - reads_input
            own.bias[place * h : (place + 1) * h] = (b[gates[node]] if reads_input else 0) + (
                c[gates[node]] if reads_state else 0
            )


def _gates(own: Recurrent) -> dict[int, int]:
    """Of each matrix its number among torch's gates."""
    nodes = own.plan.cell.nodes
    reader = {
        source: at
        for at, node in enumerate(nodes)
        for source in node.inputs
        if isinstance(nodes[source].operation, CellMatrix)
    }
    found = {}
    for node in own.plan.matrices:
        act = reader[node]
        if own.plan.cell.states == 1:  # GRU: reset 0, update 1, new 2
            gate = isinstance(nodes[act].operation, Activation) and nodes[act].operation.function == "sigmoid"
            read = [at for at, other in enumerate(nodes) if act in other.inputs]
            found[node] = (1 if isinstance(nodes[read[0]].operation, Blend) else 0) if gate else 2
        elif nodes[act].operation.function == "tanh":  # type: ignore[attr-defined]
            found[node] = 2
        else:  # LSTM: let 0, forget 1, new 2, out 3
            into = next(other for other in nodes if act in other.inputs)
            partners = [nodes[source].operation for source in into.inputs if source != act]
            if any(isinstance(one, CellState) for one in partners):
                found[node] = 1
            else:
                partner = next(source for source in into.inputs if source != act)
                memory = isinstance(nodes[nodes[partner].inputs[0]].operation, Add)
                found[node] = 3 if memory else 0
    return found


def test_the_state_is_carried_from_one_part_of_a_sequence_to_the_next() -> None:
    torch.manual_seed(0)
    module = Recurrent(published("lstm"), 3, 4)
    x = torch.randn(8, 2, 3)
    whole, states = module(x)
    first, between = module(x[:5])
    second, last = module(x[5:], between)
    assert torch.allclose(torch.cat([first, second]), whole, atol=1e-6)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(states, last, strict=True))


def test_its_parameters_are_as_many_as_the_cell_says() -> None:
    for cell in CELLS:
        module = Recurrent(cell, 5, 7)
        assert sum(weight.numel() for weight in module.parameters()) == cell.parameters(7, 5)


def test_sizes_of_nothing_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="`hidden`"):
        Recurrent(published("rnn"), 3, 0)


@pytest.mark.parametrize("name", PUBLISHED)
def test_values_of_a_sequence_are_freed_with_its_outputs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[weakref.ref[recurrent_scan._Forward]] = []

    class Watched(recurrent_scan._Forward):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            alive.append(weakref.ref(self))

    monkeypatch.setattr(recurrent_scan, "_Forward", Watched)
    y, after = Recurrent(published(name), 3, 4)(torch.randn(5, 2, 3))
    (y.sum() + sum(state.sum() for state in after)).backward()
    assert alive[0]() is not None
    del y, after
    assert alive[0]() is None
