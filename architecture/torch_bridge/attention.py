"""Whether a torch module has attention: whether it multiplies what it makes of the images by itself, as matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

__all__ = ["attention_in"]

_PRODUCTS = ("bmm", "baddbmm", "mm", "addmm")


class _Found(Exception):
    """The part of the module that attends."""


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch annotates it not
    """Follows which tensors depend on the images."""

    def __init__(self, images: Tensor, parts: Sequence[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # likewise
        self.parts = parts
        self.dependent: Any = WeakTensorKeyDictionary()
        self.dependent[images] = True

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        depends = [leaf for leaf in given if leaf in self.dependent]
        name = func._schema.name.split("::")[-1]
        if (name in _PRODUCTS or "attention" in name) and len({id(leaf) for leaf in depends}) > 1:
            raise _Found
        made = func(*args, **dict(kwargs or {}))
        for tensor in tree_leaves(made) if depends else ():
            if isinstance(tensor, Tensor):
                self.dependent[tensor] = True
        return made


class _Functions(TorchFunctionMode):
    """Attention that torch does in one call."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") == "scaled_dot_product_attention":
            raise _Found
        return func(*args, **dict(kwargs or {}))


def attention_in(module: nn.Module, images: Tensor) -> str | None:
    """The part of a module that attends, "" for the module itself; None where there is none, or it cannot be run."""
    parts: list[str] = []
    where: list[str] = []
    handles: list[Any] = []
    for name, part in module.named_modules():
        handles.append(part.register_forward_pre_hook(lambda *_, name=name: parts.append(name)))
        handles.append(part.register_forward_hook(lambda *_: parts.pop() and None))
    try:
        with torch.no_grad(), _Functions(), _Operators(images, parts):
            module(images)
    except _Found:
        where.append(parts[-1] if parts else "")
    except Exception:  # the module's own code: it was refused already, for what it raised
        return None
    finally:
        for handle in handles:
            handle.remove()
    return where[0] if where else None
