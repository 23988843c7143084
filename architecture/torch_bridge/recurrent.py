"""`Recurrent`: the module of a recurrent cell, over whole sequences."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.torch_bridge.recurrent_plan import CellPlan
from presage.architecture.torch_bridge.recurrent_scan import CellScan
from presage.errors import InvalidArgument

__all__ = ["Recurrent"]


class Recurrent(nn.Module):
    """A cell run over sequences: x (t, b, w) and states (b, h) → y (t, b, h) and the states after the last step.

    Weights begin uniform within ±1/√h, as those of `torch.nn.LSTM`.

    Args:
        cell: what a step does.
        width: w, numbers of the input at a step.
        hidden: h, numbers of a state.
    """

    def __init__(self, cell: RecurrentCell, width: int, hidden: int) -> None:
        super().__init__()
        for name, value in (("width", width), ("hidden", hidden)):
            if value < 1:
                raise InvalidArgument(name, "Recurrent", "be at least 1", value)
        self.cell, self.width, self.hidden, self.plan = cell, width, hidden, CellPlan(cell)
        plan = self.plan
        self.fed = nn.Parameter(torch.empty(len(plan.fed) * hidden, width))
        self.matrices = nn.ParameterList([torch.empty(len(group.matrices) * hidden, hidden) for group in plan.groups])
        self.bias = nn.Parameter(torch.empty(len(plan.biased) * hidden))
        bound = hidden**-0.5
        with torch.no_grad():
            for weight in self.parameters():
                weight.uniform_(-bound, bound)
        self._bias_of = {node: at for at, node in enumerate(plan.biased)}

    def initial(self, batch: int) -> tuple[Tensor, ...]:
        """Zero states for `batch` sequences."""
        return tuple(self.fed.new_zeros(batch, self.hidden) for _ in self.plan.states)

    def forward(
        self, x: Tensor, states: Sequence[Tensor] | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """
        Args:
            x: (t, b, w).
            states: (b, h) each; zeros where None.
            mask: (b, h), multiplied at every step to whatever a matrix of the loop reads (variational dropout).
        """
        states = self.initial(x.shape[1]) if states is None else states
        fed = F.linear(x, self.fed, self._fed_bias())
        y, *after = CellScan.apply(self.plan, fed, mask, *states, *self.matrices, *self._group_biases())
        return y, tuple(after)

    def _biases(self, nodes: Sequence[int]) -> Tensor | None:
        """Those of matrices side by side; None where none of them has one."""
        if not any(node in self._bias_of for node in nodes):
            return None
        each = self.bias.view(-1, self.hidden)
        zero = self.bias.new_zeros(self.hidden)
        return torch.cat([each[self._bias_of[node]] if node in self._bias_of else zero for node in nodes])

    def _fed_bias(self) -> Tensor | None:
        return self._biases(self.plan.fed)

    def _group_biases(self) -> list[Tensor | None]:
        """A matrix's bias is added once: to its part of the input, else to the first of its parts."""
        added: set[int] = set(self.plan.fed)
        found: list[Tensor | None] = []
        for group in self.plan.groups:
            fresh = [node if node not in added else -1 for node in group.matrices]
            added.update(group.matrices)
            found.append(self._biases(fresh))
        return found
