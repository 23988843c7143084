"""`MixedNetwork`: all networks of a space in one, each operation weighed; and each of them alone, by its path."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from presage.architecture.operations import Add, Operation
from presage.architecture.spaces.relaxation import Mixture
from presage.architecture.torch_bridge.build import Network, Step

__all__ = ["MixedNetwork"]


class MixedNetwork(Network):
    """A mixture built: images (b, c, h, w) → logits (b, k), by weights of operations (E, O) and of edges (E,)."""

    def __init__(self, mixture: Mixture, input_shape: Sequence[int], classes: int) -> None:
        super().__init__(mixture.architecture, input_shape, classes)
        self.gates = {gate.node: gate for gate in mixture.gates}

    def mixed(self, images: Tensor, operations: Tensor, edges: Tensor) -> Tensor:
        """Logits where the output of operation o of edge e counts ``operations[e, o]``, and that of e ``edges[e]``."""
        tensors: list[Tensor | None] = [None] * len(self.architecture.nodes)
        tensors[0] = images
        for index, function, sources, done in self._steps:
            made = function(*[tensors[source] for source in sources])
            gate = self.gates.get(index)
            if gate is not None:
                made = made * (edges[gate.edge] if gate.operation is None else operations[gate.edge, gate.operation])
            tensors[index] = made
            for source in done:
                tensors[source] = None
        logits = tensors[-1]
        assert logits is not None
        return logits

    def alone(self, images: Tensor, path: NDArray[np.bool_]) -> Tensor:
        """Logits of one network, given as the (E, O) operations it is made of: nothing else is computed."""
        return self._along(images, self._needed(path))

    def gated(self, images: Tensor, path: NDArray[np.bool_], beside: NDArray[np.bool_], gates: Tensor) -> Tensor:
        """Logits of one network, as `alone` gives them, that know what a few other operations would add.

        Args:
            path: (E, O) operations that the network is made of.
            beside: (E, O) other operations. They run on what the path gives them, and no gradient goes through them.
            gates: (E, O) what the output of each is multiplied with: 1 along `path`, 0 in `beside`. The gradient of a
                loss with respect to these is that for binary gates (arXiv 1812.00332, section 3.2).
        """
        return self._along(images, self._needed(path), self._needed(path | beside), gates)

    def _along(
        self, images: Tensor, needed: Sequence[bool], wanted: Sequence[bool] | None = None, gates: Tensor | None = None
    ) -> Tensor:
        """Logits by the nodes of `needed`; those that only `wanted` has keep nothing for a backward pass."""
        tensors: list[Tensor | None] = [None] * len(self.architecture.nodes)  # None: zeros
        tensors[0] = images
        for index, function, sources, done in self._steps:
            if needed[index] or (wanted is not None and wanted[index]):
                with torch.set_grad_enabled(torch.is_grad_enabled() and needed[index]):
                    made = self._made(index, function, [tensors[source] for source in sources], images)
                gate = self.gates.get(index)
                if made is not None and gates is not None and gate is not None and gate.operation is not None:
                    made = made * gates[gate.edge, gate.operation]
                tensors[index] = made
            for source in done:
                tensors[source] = None
        logits = tensors[-1]
        assert logits is not None
        return logits

    def _made(
        self, index: int, function: Callable[..., Tensor], inputs: list[Tensor | None], images: Tensor
    ) -> Tensor | None:
        """The output of a node, some of whose inputs may be zeros that nobody computed; None where it is that too."""
        operation = self.architecture.nodes[index].operation
        if isinstance(operation, Add):
            inputs = [x for x in inputs if x is not None]
        elif _needs_a_tensor(operation) and any(x is None for x in inputs):
            shapes = [self.shapes[source] for source in self.architecture.nodes[index].inputs]
            inputs = [
                images.new_zeros(len(images), *shape) if x is None else x
                for x, shape in zip(inputs, shapes, strict=True)
            ]
        return function(*inputs) if inputs and all(x is not None for x in inputs) else None

    def _needed(self, path: NDArray[np.bool_]) -> list[bool]:
        """Which nodes the classifier depends on in one network."""
        nodes = self.architecture.nodes
        chosen: list[list[bool]] = path.tolist()
        taken = [any(row) for row in chosen]
        needed = [False] * len(nodes)
        needed[-1] = True
        for index in range(len(nodes) - 1, 0, -1):
            if not needed[index]:
                continue
            gate = self.gates.get(index)
            if gate is not None:
                row = gate.edge
                if not (taken[row] if gate.operation is None else chosen[row][gate.operation]):
                    needed[index] = False
                    continue
            for source in nodes[index].inputs:
                needed[source] = True
        return needed

    @property
    def _steps(self) -> Sequence[Step]:
        plan = self._plans.get(((), False))
        if plan is None:
            plan = self._plans[(), False] = self._plan(frozenset(), lowered=False)
        return plan


def _needs_a_tensor(operation: Operation) -> bool:
    """Whether zeros do not simply stay zeros: they count in statistics, take up channels, or become something."""
    return operation.normalises or operation.stacks or not operation.keeps_zero
