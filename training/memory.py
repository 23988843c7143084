"""How much memory a training takes, estimated from the graph, and how much there is."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.training.free_memory import free_memory
from presage.training.hardware import choose_device

__all__ = ["free_bytes", "training_bytes"]

_KEPT = 2.5  # bytes that training takes to bytes of outputs: those kept for the backward pass, and their gradients
_PROCESS = 700_000_000  # of a process with torch, or of a CUDA context
_USABLE = 0.8  # share of what is free


def training_bytes(architecture: Architecture, shape: Sequence[int], classes: int, batch: int) -> int:
    """Bytes that a training takes at most, in float32, estimated: process, weights, optimiser and activations.

    Args:
        shape: of the images, ``(c, h, w)``.
    """
    canonical = architecture.canonical
    outputs = sum(prod(each) for each in canonical.shapes(shape, classes))
    weights = 4 * costs(canonical, shape, classes).parameters  # themselves, their gradients, two moments
    return _PROCESS + 4 * weights + int(_KEPT * 4 * outputs * batch)


def free_bytes(device: str) -> int:
    """Bytes that trainings may take together: four fifths of what is free there now."""
    chosen = choose_device(device)
    if chosen.type == "cuda":
        gpus = range(torch.cuda.device_count())
        return int(_USABLE * sum(torch.cuda.mem_get_info(gpu)[0] for gpu in gpus))
    return int(_USABLE * free_memory())
