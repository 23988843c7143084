"""What a network costs, read off its graph without building it: `Costs`, in whole numbers of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from presage.architecture.graph import Architecture

__all__ = ["MOST_PARAMETERS", "Costs", "costs"]

MOST_PARAMETERS = 2_000_000_000
"""Networks of more are not built: 8 GB of float32 weights, and three times as much to train."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one network for one image.

    Attributes:
        parameters: learned scalars, as `sum(p.numel() for p in module.parameters())`.
        multiply_adds: of convolutions and matrix products (half of what `torch.utils.flop_counter` reports).
        activation_bytes: most bytes of float32 activations alive at once, nodes run in their order, each output kept
            until its last reader has run (a node that is read by none: until it has run itself).
        depth: most weighted layers (convolution, linear, classifier) on one path.
    """

    parameters: int
    multiply_adds: int
    activation_bytes: int
    depth: int


def costs(architecture: Architecture, input_shape: Sequence[int], classes: int) -> Costs:
    """Costs for images ``(c, h, w)`` and `classes` outputs.

    Raises:
        InvalidArchitecture: where the shapes do not fit.
    """
    shapes = architecture.shapes(input_shape, classes)
    nodes = architecture.nodes
    parameters = multiply_adds = 0
    depths = [0] * len(nodes)
    last_reader = list(range(len(nodes)))
    for index, node in enumerate(nodes):
        operation = node.operation
        if node.inputs:
            learned, work = operation.cost(operation, shapes[node.inputs[0]], shapes[index])
            parameters += learned
            multiply_adds += work
        depths[index] = max((depths[source] for source in node.inputs), default=0) + operation.weighted
        for source in node.inputs:
            last_reader[source] = index
    return Costs(parameters, multiply_adds, 4 * _peak([prod(shape) for shape in shapes], last_reader), depths[-1])


def _peak(sizes: list[int], last_reader: list[int]) -> int:
    """Most that is alive at once, where item `i` lives from step `i` to step ``last_reader[i]``, both included."""
    freed = [0] * (len(sizes) + 1)
    for size, last in zip(sizes, last_reader, strict=True):
        freed[last + 1] += size
    alive = peak = 0
    for size, gone in zip(sizes, freed, strict=False):
        alive += size - gone
        peak = max(peak, alive)
    return peak
