"""`SharedCells`: one network for text that holds every cell of a space, by shared weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from presage.architecture.recurrent.operations import FUNCTIONS
from presage.architecture.recurrent.spaces import CellSpace, RnnDarts, RnnEnas
from presage.architecture.spaces.codes import Choice
from presage.errors import InvalidArgument
from presage.training.text.recipe import TextRecipe

__all__ = ["SharedCells", "CellWiring", "wiring_of"]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
}

WIDTH = 64
"""Numbers of a state, and of what stands for a symbol."""


@dataclass(frozen=True)
class CellWiring:
    """A cell of highway connections: activation of state 0, (activation, earlier state) of the others, and the states
    whose mean it gives."""

    first: str
    nodes: tuple[tuple[str, int], ...]
    outputs: tuple[int, ...]


def wiring_of(space: CellSpace, params: Mapping[str, Choice]) -> CellWiring:
    """The wiring of a cell of `rnn_enas` or `rnn_darts`.

    Raises:
        InvalidArgument: another space, whose cells share no weights here.
    """
    if isinstance(space, RnnEnas):
        genotype = space.genotype(params)
        read = {source for _, source in genotype}
        loose = tuple(state for state in range(1 + len(genotype)) if state not in read)
        return CellWiring(str(params["node1.activation"]), tuple(genotype), loose)
    if isinstance(space, RnnDarts):
        genotype = space.genotype(params)
        return CellWiring("tanh", tuple(genotype), tuple(range(1, 1 + len(genotype))))
    raise InvalidArgument("space", "shared weights", "be rnn_enas or rnn_darts", space.name)


class SharedCells(nn.Module):
    """Every edge between two states has one weight, whichever activation stands there (ENAS, arXiv 1802.03268, section
    2.1); in the relaxed cell all edges into a state share theirs (DARTS, arXiv 1806.09055, section 3.1.2).

    Args:
        states: states of a cell, the first included.
        symbols: k, size of the vocabulary.
        relaxed: whether it computes the relaxed cell; its states are then normalised over the batch, as DARTS's are.
    """

    def __init__(self, states: int, symbols: int, *, relaxed: bool = False, width: int = WIDTH) -> None:
        super().__init__()
        self.states, self.width, self.relaxed = states, width, relaxed
        self.embedding = nn.Embedding(symbols, width)
        self.fed = nn.Linear(width, 2 * width)
        self.recurrent = nn.Linear(width, 2 * width, bias=False)
        edges = 1 if relaxed else states - 1
        self.weight = nn.Parameter(torch.empty(max(states - 1, 0), edges, 2 * width, width))
        self.bias = nn.Parameter(torch.zeros(max(states - 1, 0), edges, 2 * width))
        self.classifier = nn.Linear(width, symbols)
        bound = width**-0.5
        with torch.no_grad():
            for weight in (self.fed.weight, self.recurrent.weight, self.weight):
                weight.uniform_(-bound, bound)
            self.embedding.weight.uniform_(-0.1, 0.1)

    def forward(self, symbols: Tensor, h: Tensor | None, cell: CellWiring | Tensor) -> tuple[Tensor, Tensor]:
        """Symbols (t, b) → logits (t, b, k) and the state (b, w) after them.

        Args:
            cell: a wiring; or, of the relaxed cell, (edges, 1 + activations) shares of `none` and of each activation.
        """
        h = self.fed.weight.new_zeros(symbols.shape[1], self.width) if h is None else h
        made = []
        for fed in self.fed(self.embedding(symbols)):  # (b, 2 w)
            h = self._discrete(fed, h, cell) if isinstance(cell, CellWiring) else self._relaxed(fed, h, cell)
            made.append(h)
        return self.classifier(torch.stack(made)), h

    def _discrete(self, fed: Tensor, h: Tensor, cell: CellWiring) -> Tensor:
        found = [_highway(fed + self.recurrent(h), cell.first, h)]
        for node, (function, source) in enumerate(cell.nodes):
            old = found[source]
            edge = 0 if self.relaxed else source
            found.append(_highway(F.linear(old, self.weight[node, edge], self.bias[node, edge]), function, old))
        outputs = [found[state] for state in cell.outputs]
        return outputs[0] if len(outputs) == 1 else torch.stack(outputs).mean(0)

    def _relaxed(self, fed: Tensor, h: Tensor, shares: Tensor) -> Tensor:
        found = _normalised(_highway(fed + self.recurrent(h), "tanh", h))[None]  # (i, b, w)
        edge = 0
        for node in range(self.states - 1):
            gate, new = F.linear(found, self.weight[node, 0], self.bias[node, 0]).chunk(2, dim=-1)
            gate, share = gate.sigmoid(), shares[edge : edge + len(found)]
            # Σ_f share_f (s + c (f(h) - s)): `none` gives nothing
            mixed = sum(share[:, 1 + at, None, None] * _ACTIVATIONS[name](new) for at, name in enumerate(FUNCTIONS))
            kept = share[:, 1:].sum(dim=1)[:, None, None]
            state = (kept * found + gate * (mixed - kept * found)).sum(dim=0)
            found = torch.cat([found, _normalised(state)[None]])
            edge += 1 + node
        return found[1:].mean(dim=0)


def _highway(both: Tensor, function: str, old: Tensor) -> Tensor:
    gate, new = both.chunk(2, dim=-1)
    return torch.lerp(old, _ACTIVATIONS[function](new), gate.sigmoid())


def _normalised(state: Tensor) -> Tensor:
    return F.batch_norm(state, None, None, training=True) if len(state) > 1 else state


def optimizer_of(model: nn.Module, recipe: TextRecipe) -> torch.optim.Optimizer:
    """Of the shared weights: Adam at half the recipe's rate where the recipe has Adam, else 0.002."""
    rate = recipe.learning_rate / 2 if recipe.optimizer == "adamw" else 0.002
    return torch.optim.Adam(model.parameters(), lr=rate)
