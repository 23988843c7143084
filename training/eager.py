"""Optimizers without torch's compiler, which the first use of one loads."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch

__all__ = ["keep_eager", "take_step"]

_PLAIN = "__dynamo_disable"  # where torch keeps what it calls in place of a function that is never compiled
_WRAPPED_IN = "_compile.py"


def keep_eager() -> None:
    """Have the making of optimizers, and their `zero_grad`, not load `torch._dynamo`.

    That takes 2 seconds of a processor in each process, for what is not used here. `torch.optim.Optimizer` marks
    methods that are never compiled; torch imports the compiler to note it when one of them is first called. Here each
    is noted to be called as it is, which is what it comes to. Where torch does otherwise one day, this changes nothing.
    """
    for method in vars(torch.optim.Optimizer).values():
        plain = getattr(method, "__wrapped__", None)
        code = getattr(method, "__code__", None)
        if plain is not None and code is not None and code.co_filename.endswith(_WRAPPED_IN):
            plain.__dict__.setdefault(_PLAIN, plain)


def take_step(optimizer: torch.optim.Optimizer) -> None:
    """``optimizer.step()``, the same to the last bit, without its hooks and without the compiler, which it imports to
    tell it where a graph would break."""
    plain: Callable[[torch.optim.Optimizer], object] = inspect.unwrap(type(optimizer).step)
    with torch.no_grad():
        plain(optimizer)
