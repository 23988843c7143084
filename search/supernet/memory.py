"""What a step of a super-net holds in memory until its backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

__all__ = ["held_for_backward"]


def held_for_backward(forward: Callable[[], object], weights: Iterable[Tensor] = ()) -> int:
    """Bytes of what autograd keeps while `forward` runs, so that its gradients can be had: activations, mostly.

    Counted by torch's hooks for saved tensors, each memory once, that of `weights` apart (they are there anyway). What
    is kept at the end of `forward` is the peak of a training step, up to the memory of single operations.
    """
    apart = {weight.untyped_storage().data_ptr() for weight in weights}
    kept: dict[int, int] = {}
    alive: list[Tensor] = []  # so that no memory is given to another tensor while this counts

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in apart:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        forward()
    return sum(kept.values())
