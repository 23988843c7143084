"""A torch module run once, every step of it written down as nodes: what is computed, however it is spelled.

Two of torch's own hooks see each step: ATen operators as they are called (wrappers, control flow and sizes are resolved
by then), and above them the few functions whose meaning their operators no longer show (normalisations, linear layers,
dropout).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.weak import WeakTensorKeyDictionary

from presage.architecture.operations import Dropout, DropPath
from presage.architecture.torch_bridge.arithmetic import LAYERS
from presage.architecture.torch_bridge.conditions import CONDITIONS, Condition
from presage.architecture.torch_bridge.layouts import NodeWriter, Refused, Value, fresh
from presage.architecture.torch_bridge.operands import Known, TraceStep, Weights
from presage.architecture.torch_bridge.picking import repeat_interleave
from presage.architecture.torch_bridge.torch_operations import OPERATORS
from presage.architecture.torch_bridge.twin import statistics

__all__ = ["Recording", "output_of", "record"]

_WHOLE = {
    **LAYERS,
    "repeat_interleave": repeat_interleave,
    **{name: OPERATORS[name] for name in ("pad", "adaptive_avg_pool2d")},
    "scaled_dot_product_attention": OPERATORS["scaled_dot_product_attention"],
}
_DROPOUTS = {"dropout": "p", "dropout1d": "p", "dropout2d": "p", "feature_dropout": "p", "alpha_dropout": "p"}
_DROP_PATHS = {"StochasticDepth": "p", "DropPath": "drop_prob"}
"""Modules that drop whole branches, by the name of their class, and where they keep how often (torchvision, timm)."""
_DRAWS = "it draws at random, in evaluation too"
_MADE_OF_SHAPES = frozenset({"new_zeros", "new_ones", "new_full", "new_empty", "empty_like", "ones_like", "full_like"})


@dataclass
class Recording:
    """What a run of a module on images says.

    Attributes:
        writer: the nodes.
        weights: which tensors of the module they hold.
        output: what the module returned as `Value`; of several tensors, by name.
        result: the same as torch gave it.
        means: by node, the mean of the absolute values of its output, where a tensor was that output.
        lowered: whether the module asked for autocast, which it was not given: precision is a recipe's.
        read: names of parameters that the module read as numbers (`.item()`), which nothing learns then.
    """

    writer: NodeWriter
    weights: Weights
    output: Any
    result: Any
    means: dict[int, float]
    lowered: bool = False
    read: frozenset[str] = frozenset()


def record(module: nn.Module, images: Tensor) -> Recording:
    """Run a module in evaluation on images (b, c, h, w).

    Raises:
        Refused: at the first step that no architecture represents; says where.
        Exception: whatever the module's own code raises.
    """
    recorder = _Recorder(module, images)
    with (
        torch.no_grad(),
        torch.autocast("cpu", enabled=False),  # what was in use is in use again behind it
        _Parts(recorder, module),
        _Functions(recorder),
        _Operators(recorder),
    ):
        result = module(images)
    if recorder.refusal is not None:  # the module's own code has caught it
        raise recorder.refusal
    named = result if isinstance(result, Tensor) else dict(_outputs(result))
    output = tree_map_only(Tensor, recorder.operand, named)
    return Recording(
        recorder.writer, recorder.weights, output, named, recorder.means, recorder.lowered, frozenset(recorder.read)
    )


def output_of(result: Any, key: str) -> Tensor:
    """The tensor that a module returned, or of several the one by this name."""
    found: Tensor = result if isinstance(result, Tensor) else dict(_outputs(result))[key]
    return found


def _outputs(result: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor that a module returns, by its place: in dictionaries, tuples, lists, and objects of fields."""
    if isinstance(result, Tensor):
        yield name or "0", result
        return
    if isinstance(result, Mapping):
        inside: Any = result.items()
    elif isinstance(result, list | tuple):
        inside = zip(getattr(result, "_fields", range(len(result))), result, strict=True)
    elif is_dataclass(result) or isinstance(result, SimpleNamespace):
        inside = vars(result).items()
    else:
        return
    for key, value in inside:
        yield from _outputs(value, f"{name}.{key}" if name else str(key))


@dataclass(frozen=True)
class _Overwritten:
    """A tensor part of whose memory something else has written to."""


class _Recorder:
    def __init__(self, module: nn.Module, images: Tensor) -> None:
        self.writer = NodeWriter(images.shape[0])
        parameters, buffers = dict(module.named_parameters()), dict(module.named_buffers())
        self.weights = Weights(parameters, buffers, statistics(module, images))
        self.module = module
        self.paused = False
        self.refusal: Refused | None = None
        self.lowered = False
        self.read: set[str] = set()
        self.parts: list[str] = []
        self.means: dict[int, float] = {}
        self._drawn: Any = WeakTensorKeyDictionary()
        self._held: Any = WeakTensorKeyDictionary()
        self._held[images] = fresh(0, tuple(images.shape[1:]), images.shape[0])
        empty: frozenset[str] = frozenset()
        for name, tensor in buffers.items():
            self._held[tensor] = (empty, frozenset({name}))
        for name, tensor in parameters.items():
            self._held[tensor] = (frozenset({name}), empty)

    def operand(self, tensor: Tensor) -> Value | Condition | Known:
        held = self._held.get(tensor)
        if isinstance(held, Value | Condition):
            return held
        if isinstance(held, _Overwritten):
            raise Refused("it reads a tensor part of which was overwritten")
        return Known(tensor, *held) if held is not None else Known(tensor)

    def depends(self, arguments: Any) -> bool:
        return any(isinstance(self._held.get(leaf), Value | Condition | _Overwritten) for leaf in _tensors(arguments))

    def goes_by(self, arguments: Any) -> bool:
        """Whether a condition is among them."""
        return any(isinstance(self._held.get(leaf), Condition) for leaf in _tensors(arguments))

    def refuse_draws(self, name: str, arguments: Any) -> None:
        """What is drawn without a look at the images is no constant, though it is the same at the same seed."""
        if any(leaf in self._drawn for leaf in _tensors(arguments)):
            self.refusal = self.refusal or Refused(f"{self.where(name)}: {_DRAWS}")
            raise self.refusal

    def take(self, handler: Callable[..., Any], name: str, args: Any, kwargs: Any, result: Any) -> None:
        """Write a step down."""
        self.refuse_draws(name, (args, kwargs))
        self.writer.owner = self.parts[-1] if self.parts else ""
        before = len(self.writer.nodes)
        try:
            operands = tree_map_only(Tensor, self.operand, (list(args), dict(kwargs)))
            try:
                value = handler(TraceStep(self.writer, self.weights, result), *operands[0], **operands[1])
            except (TypeError, IndexError, KeyError, ValueError):
                raise Refused("no operation of an architecture takes these arguments") from None
        except Refused as refused:
            self.refusal = self.refusal or Refused(f"{self.where(name)}: {refused}")
            raise self.refusal from None
        found = value if isinstance(value, tuple) else (value,)
        tensors = result if isinstance(result, list | tuple) else (result,)
        for tensor, made in zip(tensors, found, strict=False):
            if isinstance(made, Value | Condition):
                self._held[tensor] = made
                if (
                    isinstance(made, Value)
                    and made.index >= before
                    and made.index == len(self.writer.nodes) - 1
                    and not made.stretched
                ):
                    with _paused(self):
                        self.means[made.index] = float(tensor.abs().mean())

    def overwrite(self, tensor: Tensor, before: Any) -> None:
        """A tensor was changed in place: what shares its memory sees it."""
        now, memory = self._held.get(tensor), tensor.untyped_storage().data_ptr()
        if not isinstance(now, Value):
            return
        for other in list(self._held.keys()):
            if other is tensor or other.untyped_storage().data_ptr() != memory:
                continue
            held = self._held[other]
            if isinstance(held, Value) and isinstance(before, Value) and held.index == before.index:
                same = now.shape == held.shape and other.numel() == tensor.numel()
                self._held[other] = replace(held, index=now.index) if same else _Overwritten()
            else:
                self._held[other] = _Overwritten()

    def where(self, name: str) -> str:
        part = self.parts[-1] if self.parts else ""
        kind = type(self.module.get_submodule(part)) if part else None
        if kind is not None and kind.__module__.startswith("torch.nn"):
            return f"its module `{part}` ({kind.__name__}, `{name}`)"
        return f"its call of `{name}`" + (f" in module `{part}`" if part else "")

    def unknown(self, name: str, args: Any) -> None:
        branches = name in ("_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero")
        draws = name.startswith(("rand", "bernoulli", "normal", "uniform")) or "_noise" in name
        reason = "it asks for the values of a tensor" if branches else "no operation of an architecture does this"
        reason = "it reckons with where a tensor is positive" if self.goes_by(args) else reason
        reason = _DRAWS if draws else reason
        self.refusal = self.refusal or Refused(f"{self.where(name)}: {reason}")
        raise self.refusal


class _Parts:
    """Which part of a module is at work, by hooks on all of them; and branches that are dropped in training."""

    def __init__(self, recorder: _Recorder, module: nn.Module) -> None:
        self.recorder, self.module = recorder, module
        self.handles: list[Any] = []

    def __enter__(self) -> None:
        for name, part in self.module.named_modules():
            self.handles.append(part.register_forward_pre_hook(self._enters(name)))
            self.handles.append(part.register_forward_hook(self._leaves, always_call=True))

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _enters(self, name: str) -> Callable[..., None]:
        return lambda *_: self.recorder.parts.append(name)

    def _leaves(self, part: nn.Module, _: Any, output: Any) -> Any:
        recorder = self.recorder
        where = _DROP_PATHS.get(type(part).__name__)
        made = None
        if where is not None and isinstance(output, Tensor) and recorder.depends(output):
            permille = _permille(getattr(part, where, 0))
            if getattr(part, "mode", "row") == "row" and permille:
                made = _aliased(recorder, output, DropPath(permille), type(part).__name__)
        recorder.parts.pop()
        return made


def _aliased(recorder: _Recorder, tensor: Tensor, operation: Dropout | DropPath, name: str) -> Tensor:
    """The same tensor as another object, of what an operation that does nothing in evaluation makes of it."""
    with _paused(recorder):
        made: Tensor = torch.ops.aten.alias(tensor)
    recorder.take(lambda step, x: step.writer.pointwise(operation, x), name, (tensor,), {}, made)
    return made


def _permille(probability: float | None) -> int:
    return round(1000 * float(probability or 0))


class _Functions(TorchFunctionMode):
    """Functions that are taken whole."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        name = getattr(func, "__name__", "").rstrip("_")
        recorder = self.recorder
        if torch.is_autocast_enabled("cpu"):  # the module's own: weights in two precisions would be two tensors
            recorder.lowered = True
            torch.set_autocast_enabled("cpu", False)  # until the module leaves it
        if (name not in _WHOLE and name not in _DROPOUTS) or not recorder.depends((args, named)):
            return func(*args, **named)
        given = list(args)
        if "input" in named:
            given.insert(0, named.pop("input"))
        if name in _DROPOUTS:
            probability = given[1] if len(given) > 1 else named.get("p", 0.5)
            return _aliased(recorder, given[0], Dropout(_permille(probability)), name)
        with _paused(recorder):
            result = func(*given, **named)
        if name in ("batch_norm", "instance_norm") and func is not getattr(F, name):
            given[1:5] = [*given[3:5], *given[1:3]]  # torch.batch_norm takes weight and bias first
            del given[8:]
        elif name in ("group_norm", "layer_norm"):
            named = {key: value for key, value in named.items() if key != "cudnn_enabled"}
            del given[5:]
        recorder.take(_WHOLE[name], name, given, named, result)
        return result


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch annotates it not
    """ATen operators."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # likewise
        self.recorder = recorder

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        recorder, named = self.recorder, dict(kwargs or {})
        if recorder.paused:
            return func(*args, **named)
        name = func._schema.name.split("::")[-1]
        known = not recorder.depends((args, named)) or name in _MADE_OF_SHAPES
        with _paused(recorder):
            if known:
                if name == "_local_scalar_dense":
                    recorder.refuse_draws(name, args)
                result = func(*args, **named)
                self._known(args, named, result, name, torch.Tag.nondeterministic_seeded in func.tags)
                return result
            known_names = CONDITIONS if recorder.goes_by((args, named)) else OPERATORS
            handler = known_names.get(name) or known_names.get(name.rstrip("_"))
            mutable = func._schema.is_mutable
            before = recorder._held.get(args[0]) if mutable and args else None
            if name == "copy_":
                handler = _copied
            if handler is None:
                if func._can_decompose():  # in inference mode torch does not take it apart by itself
                    return self._taken_apart(func, args, named)
                recorder.unknown(name, args)
                raise AssertionError
            result = func(*args, **named)
            recorder.take(handler, name, args, named, result)
            if mutable and args and isinstance(args[0], Tensor):
                recorder.overwrite(args[0], before)
        return result

    def _taken_apart(self, func: Any, args: Any, named: Any) -> Any:
        """Its steps, each seen as any other."""
        before, self.recorder.paused = self.recorder.paused, False
        try:
            with self:
                return func.decompose(*args, **named)
        finally:
            self.recorder.paused = before

    def _known(self, args: Any, named: Any, result: Any, name: str, draws: bool) -> None:
        """What is made of parameters alone is made of all of theirs."""
        held = [self.recorder._held.get(leaf) for leaf in _tensors((args, named))]
        sources = [one for one in held if isinstance(one, tuple)] if name not in _MADE_OF_SHAPES else []
        parameters = frozenset[str]().union(*(one[0] for one in sources))
        if name == "_local_scalar_dense":
            self.recorder.read |= parameters
        buffers = frozenset[str]().union(*(one[1] for one in sources))
        drawn = draws or any(leaf in self.recorder._drawn for leaf in _tensors((args, named)))
        for tensor in _tensors(result):
            if drawn and name not in _MADE_OF_SHAPES:
                self.recorder._drawn[tensor] = True
            if not isinstance(self.recorder._held.get(tensor), tuple) or name.endswith("_"):
                self.recorder._held[tensor] = (parameters, buffers)


def _copied(step: TraceStep, to: Any, x: Any, *_: Any) -> Value:
    """A whole tensor is overwritten with another."""
    sizes = to.sizes if isinstance(to, Value) else tuple(to.tensor.shape)
    if not isinstance(x, Value) or x.sizes != sizes:
        raise Refused("it writes into parts of a tensor")
    return x


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


@contextlib.contextmanager
def _paused(recorder: _Recorder) -> Iterator[None]:
    """What torch calls inside is not written down."""
    before, recorder.paused = recorder.paused, True
    try:
        yield
    finally:
        recorder.paused = before
