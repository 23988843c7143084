"""A recurrent cell over all time steps as one function of autograd, by the steps of its `CellPlan`.

What PyTorch's LSTM does in C++ is done here for any cell: the loop over time runs outside autograd, values are written
into buffers of all steps, derivatives are taken by hand in the reverse order, and the gradient of a weight is one
matrix product over all steps, after the loop (Appleyard et al. 2016, arXiv 1604.01946, section 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from presage.architecture.torch_bridge.recurrent_plan import CellPlan, MatrixGroup, Pointwise

__all__ = ["CellScan"]

_FUNCTIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}


class CellScan(torch.autograd.Function):
    """``CellScan.apply(plan, fed, mask, s states, g weights, g biases)`` → (y, s states).

    Shapes, for t steps, b sequences, states of h numbers: fed (t, b, f h), what the input gives to the f matrices of
    `CellPlan.fed`, biases included; mask (b, h) or None, multiplied to whatever matrices read in the loop; states
    (b, h) each; of each group of k matrices the weight (k h, h) and the bias (k h) or None; y (t, b, h).
    """

    @staticmethod
    def forward(ctx: Any, plan: CellPlan, fed: Tensor, mask: Tensor | None, *rest: Tensor | None) -> tuple[Tensor, ...]:
        run = _Forward(plan, fed, mask, rest)
        for at in range(len(fed)):
            run.step(at)
        ctx.run = run
        # Another tensor of the same storage: an output that `ctx` holds would hold `ctx`, and never be freed.
        return (run.whole(plan.outputs[0]).detach(), *(run.values[node][-1].clone() for node in plan.outputs))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        return _Backward(ctx.run, gradients[0], gradients[1:]).finish()


class _Forward:
    """Values of all steps: of each node of the cell a list of t tensors (b, h), most of them parts of one buffer."""

    def __init__(self, plan: CellPlan, fed: Tensor, mask: Tensor | None, rest: Sequence[Tensor | None]) -> None:
        self.plan, self.fed, self.mask = plan, fed, mask
        steps, self.batch, _ = fed.shape
        count, groups = len(plan.states), len(plan.groups)
        self.initial = [state for state in rest[:count] if state is not None]
        self.weights = [weight for weight in rest[count : count + groups] if weight is not None]
        self.biases = rest[count + groups :]
        self.transposed = [weight.T for weight in self.weights]
        self.hidden = hidden = self.initial[0].shape[1]
        self.buffers: dict[int, Tensor] = {}  # by node
        self.values: dict[int, list[Tensor]] = {}
        self.products = [fed.new_empty(steps, self.batch, len(group.matrices) * hidden) for group in plan.groups]
        self.made = [product.unbind(0) for product in self.products]
        self.given = [
            None
            if group.first is None
            else fed[:, :, group.first * hidden : (group.first + len(group.matrices)) * hidden].unbind(0)
            for group in plan.groups
        ]
        self.masked = [None if mask is None else fed.new_empty(steps, self.batch, hidden) for _ in plan.groups]
        self.read = [None if masked is None else masked.unbind(0) for masked in self.masked]
        for step in plan.steps:
            if isinstance(step, Pointwise):
                self.buffers[step.node] = fed.new_empty(steps, self.batch, hidden)
                self.values[step.node] = list(self.buffers[step.node].unbind(0))
        for node, parts in plan.parts.items():
            if len(parts) == 1:
                self.values[node] = list(self.part(*parts[0]).unbind(0))
        for index, state in enumerate(plan.states):
            if state is not None:
                self.values[state] = [self.initial[index], *self.values.get(plan.outputs[index], [])[:-1]]
        self.number = {group: number for number, group in enumerate(plan.groups)}
        self.parts = {
            node: [self.part(*part).unbind(0) for part in parts] for node, parts in plan.parts.items() if len(parts) > 1
        }

    def part(self, group: int, place: int) -> Tensor:
        """(t, b, h) what one part of a matrix gives."""
        whole = self.fed if group < 0 else self.products[group]
        return whole[:, :, place * self.hidden : (place + 1) * self.hidden]

    def whole(self, node: int) -> Tensor:
        """(t, b, h) a value at all steps."""
        return self.buffers[node] if node in self.buffers else torch.stack(self.values[node])

    def step(self, at: int) -> None:
        values = self.values
        for step in self.plan.steps:
            if isinstance(step, MatrixGroup):
                self._product(self.number[step], step, at)
                continue
            out, inputs = values[step.node][at], step.inputs
            match step.kind:
                case "sigmoid" | "tanh":
                    _FUNCTIONS[step.kind](values[inputs[0]][at], out=out)  # type: ignore[call-arg]
                case "relu":
                    torch.clamp_min(values[inputs[0]][at], 0.0, out=out)
                case "blend":
                    gate, new, old = inputs
                    torch.lerp(values[old][at], values[new][at], values[gate][at], out=out)
                case "product":
                    torch.mul(values[inputs[0]][at], values[inputs[1]][at], out=out)
                case "gather":
                    first, second, *others = (part[at] for part in self.parts[step.node])
                    torch.add(first, second, out=out)
                    for other in others:
                        out.add_(other)
                case _:  # add, mean
                    if len(inputs) == 1:
                        out.copy_(values[inputs[0]][at])
                        continue
                    torch.add(values[inputs[0]][at], values[inputs[1]][at], out=out)
                    for node in inputs[2:]:
                        out.add_(values[node][at])
                    if step.kind == "mean":
                        out.div_(len(inputs))

    def _product(self, number: int, group: MatrixGroup, at: int) -> None:
        source, out = self.values[group.source][at], self.made[number][at]
        read = self.read[number]
        if read is not None:
            assert self.mask is not None
            source = torch.mul(source, self.mask, out=read[at])
        given, bias = self.given[number], self.biases[number]
        if given is not None:
            torch.addmm(given[at], source, self.transposed[number], out=out)
        elif bias is not None:
            torch.addmm(bias, source, self.transposed[number], out=out)
        else:
            torch.mm(source, self.transposed[number], out=out)


class _Backward:
    """Derivatives, from the last step to the first."""

    def __init__(self, run: _Forward, y: Tensor | None, states: Sequence[Tensor | None]) -> None:
        self.run, self.plan = run, run.plan
        hidden = run.hidden
        self.fed = torch.empty_like(run.fed)
        self.products = [
            torch.empty_like(product)
            if group.first is None
            else self.fed[:, :, group.first * hidden : (group.first + len(group.matrices)) * hidden]
            for group, product in zip(self.plan.groups, run.products, strict=True)
        ]
        self.made = [product.unbind(0) for product in self.products]
        self.parts = {node: [self._part(*part).unbind(0) for part in parts] for node, parts in self.plan.parts.items()}
        self.readers = self._readers()
        self.y = None if y is None else y.unbind(0)
        self.carried: list[Tensor | None] = list(states)
        for at in reversed(range(len(run.fed))):
            self._step(at)

    def _part(self, group: int, place: int) -> Tensor:
        whole = self.fed if group < 0 else self.products[group]
        return whole[:, :, place * self.run.hidden : (place + 1) * self.run.hidden]

    def _readers(self) -> dict[int, int]:
        """How many pointwise operations and outputs read each matrix."""
        found = dict.fromkeys(self.plan.matrices, 0)
        for step in self.plan.steps:
            if isinstance(step, Pointwise):
                for node in step.inputs:
                    if node in found:
                        found[node] += 1
        for node in (*self.plan.outputs, *(group.source for group in self.plan.groups)):
            if node in found:
                found[node] += 2  # written at the end, not by an operation
        return found

    def _step(self, at: int) -> None:
        plan, values = self.plan, self.run.values
        found: dict[int, Tensor] = {}  # derivatives by node
        written: set[int] = set()  # matrices whose derivative stands in its buffer already

        def give(node: int, gradient: Tensor) -> None:
            before = found.get(node)
            found[node] = gradient if before is None else before + gradient

        if self.y is not None:
            give(plan.outputs[0], self.y[at])
        for node, carried in zip(plan.outputs, self.carried, strict=True):
            if carried is not None:
                give(node, carried)
        for step in reversed(plan.steps):
            if isinstance(step, MatrixGroup):
                self._product(step, at, found, written, give)
                continue
            gradient = found.pop(step.node, None)
            if gradient is None:
                if step.kind == "gather":
                    for part in self.parts[step.node]:
                        part[at].zero_()
                continue
            inputs = step.inputs
            match step.kind:
                case "sigmoid" | "tanh" | "relu":
                    source, made = inputs[0], values[step.node][at]
                    backward = _DERIVATIVES[step.kind]
                    if self.readers.get(source) == 1 and len(self.parts[source]) == 1:
                        backward(gradient, made, self.parts[source][0][at])
                        written.add(source)
                    else:
                        give(source, backward(gradient, made, torch.empty_like(made)))
                case "blend":
                    gate, new, old = inputs
                    fresh = gradient * values[gate][at]
                    give(gate, gradient * (values[new][at] - values[old][at]))
                    give(new, fresh)
                    give(old, gradient - fresh)
                case "product":
                    left, right = inputs
                    give(left, gradient * values[right][at])
                    give(right, gradient * values[left][at])
                case "gather":
                    for part in self.parts[step.node]:
                        part[at].copy_(gradient)
                case _:
                    if step.kind == "mean":
                        gradient = gradient / len(inputs)
                    for node in inputs:
                        give(node, gradient)
        for node, parts in plan.parts.items():  # what the input alone gives
            if len(parts) == 1 and parts[0][0] < 0 and node not in written:
                self._write(node, at, found)
        self.carried = [None if state is None else found.get(state) for state in plan.states]

    def _write(self, node: int, at: int, found: dict[int, Tensor]) -> None:
        gradient, to = found.pop(node, None), self.parts[node][0][at]
        to.zero_() if gradient is None else to.copy_(gradient)

    def _product(self, group: MatrixGroup, at: int, found: dict[int, Tensor], written: set[int], give: Any) -> None:
        for node in group.matrices:
            if len(self.parts[node]) == 1 and node not in written:
                self._write(node, at, found)
        number = self.run.number[group]
        weight, made = self.run.weights[number], self.made[number][at]
        if self.run.mask is not None:
            give(group.source, torch.mm(made, weight).mul_(self.run.mask))
        elif group.source in found:
            found[group.source] = torch.addmm(found[group.source], made, weight)
        else:
            found[group.source] = torch.mm(made, weight)

    def finish(self) -> tuple[Tensor | None, ...]:
        """The gradients, in the order of `CellScan.forward`'s arguments."""
        run, hidden = self.run, self.run.hidden
        weights: list[Tensor | None] = []
        biases: list[Tensor | None] = []
        for number, group in enumerate(self.plan.groups):
            masked = run.masked[number]
            read = run.whole(group.source) if masked is None else masked
            made = self.products[number].reshape(-1, len(group.matrices) * hidden)
            weights.append(made.T @ read.reshape(-1, hidden))
            biases.append(None if run.biases[number] is None else made.sum(0))
        return (None, self.fed, None, *self.carried, *weights, *biases)


def _sigmoid(gradient: Tensor, made: Tensor, out: Tensor) -> Tensor:
    return torch.ops.aten.sigmoid_backward.grad_input(gradient, made, grad_input=out)  # type: ignore[no-any-return]


def _tanh(gradient: Tensor, made: Tensor, out: Tensor) -> Tensor:
    return torch.ops.aten.tanh_backward.grad_input(gradient, made, grad_input=out)  # type: ignore[no-any-return]


def _relu(gradient: Tensor, made: Tensor, out: Tensor) -> Tensor:
    return torch.ops.aten.threshold_backward.grad_input(gradient, made, 0, grad_input=out)  # type: ignore[no-any-return]


_DERIVATIVES = {"sigmoid": _sigmoid, "tanh": _tanh, "relu": _relu}
