"""`trace`: a torch module as an architecture, so that presage can be asked about any network.

A copy of the module is run once on random images, and what it computes is written down step by step (`recording`). Its
last linear layer becomes the classifier; a softmax behind it is not kept. Then the graph is built, given the same
weights, and must have the module's parameters and give the module's logits: else the module is refused, and it is said
where they differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import AdaptiveAveragePool, AveragePool
from presage.architecture.torch_bridge.arithmetic import ATTENDS
from presage.architecture.torch_bridge.attention import attention_in
from presage.architecture.torch_bridge.heads import Pruned, headed
from presage.architecture.torch_bridge.layouts import Refused, Value
from presage.architecture.torch_bridge.operands import Source
from presage.architecture.torch_bridge.proof import check, check_others
from presage.architecture.torch_bridge.recording import Recording, output_of, record
from presage.architecture.torch_bridge.twin import eager, images_of, on_meta, prepared, unwrapped
from presage.errors import InvalidArchitecture

__all__ = ["Traced", "attention_at", "trace", "trace_module"]

_LOGITS = (
    "logits", "logit", "out", "output", "outputs", "main", "pred", "preds", "prediction", "predictions", "score",
    "scores", "cls", "class", "classes", "classifier", "y", "y_hat", "head",
)  # fmt: skip
_NO_LOGITS = ("aux", "feat", "embed", "hidden", "latent", "proj")
"""Names of outputs that are the logits, the surest first, and what the names of others have in them."""

_CHEAP_SIDE = 128
"""Pixels: up to this side, a module is run at a second size too, to see whether its graph is the same there; beyond,
only one that ends in an average-pool, which may be that of the whole map."""


@dataclass(frozen=True)
class Traced:
    """A module's architecture, and where its weights come from.

    Attributes:
        architecture: without dead nodes.
        modules: for each node the name of the submodule that holds its weights, None where it has none.
        classes: outputs of the module's own classifier.
        sources: for each node the tensors of the module that it holds, by their names in the built network's node.
        notes: what a user should know: parameters without part in the logits, outputs not taken, a graph that holds for
            images of one size.
    """

    architecture: Architecture
    modules: tuple[str | None, ...]
    classes: int
    sources: tuple[tuple[Source, ...], ...] = ()
    notes: tuple[str, ...] = ()


def trace(module: nn.Module, input_shape: Sequence[int] = (3, 224, 224)) -> Architecture:
    """The architecture of a module that maps images (b, c, h, w) to logits (b, k).

    Args:
        module: any module whose forward does not branch on the values of its tensors. It is left as it is.
        input_shape: an image shape (c, h, w) that it accepts. Sizes written into the module (a flatten of a fixed
            size, say) hold for this shape only.

    Raises:
        InvalidArchitecture: names the part of the module that no architecture can represent.
    """
    return trace_module(module, input_shape).architecture


def trace_module(module: nn.Module, input_shape: Sequence[int] = (3, 224, 224), classes: int | None = None) -> Traced:
    """As `trace`, with the names of the submodules, the number of classes, and notes.

    Args:
        classes: of several outputs whose names do not tell, the one of so many classes is taken.
    """
    if not isinstance(module, nn.Module):
        raise InvalidArchitecture(f"Only a torch.nn.Module can be traced. Got {type(module).__name__}.")
    module = unwrapped(module)
    name, shape = type(module).__name__, tuple(input_shape)
    size = "×".join(map(str, shape))
    try:
        with torch.autocast("cpu", enabled=False):  # of whoever calls
            twin = prepared(module, shape)
            found, recording, logits = _traced(twin, shape, classes)
            network = check(found, recording, twin, images_of(shape), logits.tensor)
            others = check_others(network, found.behind, lambda images: _run(twin, images, recording, logits.key))
        lowered = (
            ["it asks for autocast, which it is traced without: precision is the recipe's"] if recording.lowered else []
        )
        notes = [*_notes(twin, found, logits.note, recording.read), *lowered, *([others] if others else [])]
        found, sized = _at_another_size(twin, found, shape, classes)
    except Refused as refused:
        with eager():
            reason = _attends(attention_in(twin, images_of(shape))) or str(refused)
        raise InvalidArchitecture(f"Cannot trace {name}: {reason}.") from None
    except InvalidArchitecture as error:
        raise InvalidArchitecture(f"Cannot trace {name}: {str(error).rstrip('.')}.") from None
    except Exception as error:  # the module's own code may raise anything
        raise InvalidArchitecture(f"Cannot trace {name}: it fails on an image {size}: {_line(error)}.") from None
    return Traced(
        Architecture(found.nodes),
        tuple(_submodule(twin, sources) for sources in found.sources),
        found.classes,
        found.sources,
        (*notes, *((f"its graph is that for images of {size}: at another size it is another",) if sized else ())),
    )


def _run(twin: nn.Module, images: Tensor, recording: Recording, key: str) -> Tensor:
    """Logits of other images. One that asks for autocast is recorded again: only so it is not given it."""
    with eager(), torch.no_grad():
        return output_of(record(twin, images).result if recording.lowered else twin(images), key)


def attention_at(module: nn.Module, shape: Sequence[int]) -> str | None:
    """Why a module cannot be traced at images (c, h, w), or any, if it attends; None where it does not."""
    module = unwrapped(module)
    try:
        with eager():
            reason = _attends(attention_in(*on_meta(module, shape)))
    except Exception:  # the module's own code may raise anything
        return None
    return reason and f"Cannot trace {type(module).__name__}: {reason}."


def _attends(part: str | None) -> str | None:
    return None if part is None else f"{f'its part `{part}`' if part else 'it'} {ATTENDS}"


@dataclass(frozen=True)
class _Logits:
    """The tensor of logits among what a module returns, and how it was chosen."""

    value: Value
    tensor: Tensor
    key: str = ""
    note: str = ""


def _traced(twin: nn.Module, shape: tuple[int, ...], classes: int | None) -> tuple[Pruned, Recording, _Logits]:
    with eager():
        recording = record(twin, images_of(shape))
    logits = _logits(recording.output, recording.result, classes)
    return headed(recording.writer, recording.weights, logits.value), recording, logits


def _logits(output: Any, result: Any, classes: int | None) -> _Logits:
    """Of several outputs with the shape of logits the one that is called so, or else has so many classes, or else the
    first."""
    if isinstance(output, Value):
        return _Logits(output, result)
    fits = [(key, value) for key, value in output.items() if isinstance(value, Value) and len(value.axes) == 2]
    if not fits:
        raise Refused("it must return one tensor of logits (b, k)")
    key, value = min(fits, key=lambda one: (_rank(one[0]), one[1].sizes[1] != classes))  # of equals the first
    return _Logits(
        value, result[key], key, f"of its {len(output)} outputs, `{key}` is taken" if len(output) > 1 else ""
    )


def _rank(name: str) -> int:
    """How far the name of an output, such as ``out`` or ``heads.main``, is from that of logits."""
    words = name.lower().split(".")
    if any(part in word for word in words for part in _NO_LOGITS):
        return len(_LOGITS) + 2
    known = [_LOGITS.index(word) for word in words if word in _LOGITS]
    return min(known, default=len(_LOGITS) + (not any(word.endswith("logits") for word in words)))


def _notes(twin: nn.Module, found: Pruned, chosen: str, read: frozenset[str]) -> list[str]:
    notes = [*([chosen] if chosen else []), *found.notes]
    fixed = sum(bool(getattr(node.operation, "fixed", False)) for node in found.nodes)
    if fixed:
        layers = "1 layer" if fixed == 1 else f"{fixed} layers"
        notes.append(f"the fixed numbers of {layers} are no part of its graph: trained anew, it has others")
    used = {source.tensor for sources in found.sources for source in sources}
    left = {name: tensor.numel() for name, tensor in twin.named_parameters() if name not in used | read}
    fixed_ones = sorted(read - used)
    if fixed_ones:
        shown = ", ".join(f"`{name}`" for name in fixed_ones[:3]) + (", …" if len(fixed_ones) > 3 else "")
        notes.append(f"{shown} is read as a number (`.item()`), which nothing learns: a constant in its graph")
    if left:
        parts = sorted({name.rpartition(".")[0].split(".")[0] or name for name in left})
        shown = ", ".join(f"`{part}`" for part in parts[:3]) + (", …" if len(parts) > 3 else "")
        number = sum(left.values())
        count = "1 parameter" if number == 1 else f"{number:,} parameters"
        notes.append(f"{count} of {shown} without part in its logits left out")
    return notes


def _at_another_size(
    twin: nn.Module, found: Pruned, shape: tuple[int, ...], classes: int | None
) -> tuple[Pruned, bool]:
    """The graph, with pools of a whole map as such at any size; and whether it is another at another size."""
    channels, *sides = shape
    if max(sides) > _CHEAP_SIDE and not any(isinstance(node.operation, AveragePool) for node in found.nodes[-8:]):
        return found, False
    other = (channels, *(side // 2 if side >= 64 else 2 * side for side in sides))
    try:
        seen, _, _ = _traced(twin, other, classes)
        shapes = [Architecture(nodes).shapes(image, 2) for nodes, image in ((found.nodes, shape), (seen.nodes, other))]
    except Exception:  # it takes images of this size only, or as said where they are asked for
        return found, False
    if len(seen.nodes) != len(found.nodes):
        return found, True
    nodes = list(found.nodes)
    for index, (node, twin_node) in enumerate(zip(found.nodes, seen.nodes, strict=True)):
        if node == twin_node:
            continue
        whole = node.inputs == twin_node.inputs and all(
            isinstance(one.operation, AveragePool)
            and one.operation.kernel == shapes[at][one.inputs[0]][1:]
            and one.operation.padding == (0, 0)
            for at, one in enumerate((node, twin_node))
        )
        if not whole:
            return found, True
        nodes[index] = Node(AdaptiveAveragePool(), node.inputs)
    return replace(found, nodes=tuple(nodes)), False


def _submodule(twin: nn.Module, sources: Sequence[Source]) -> str | None:
    """The submodule whose tensors these are, all of them and as they are."""
    owners = {source.tensor.rpartition(".")[0] for source in sources}
    if len(owners) != 1:
        return None
    owner = next(iter(owners))
    part = twin.get_submodule(owner)
    own = {source.own: source for source in sources}
    plain = all(
        source.tensor.rpartition(".")[2] == name and source.factor == 1 and not source.transposed
        for name, source in own.items()
    )
    held = set(dict(part.named_parameters())) | {name for name in dict(part.named_buffers()) if "running" in name}
    return owner if plain and held == set(own) else None


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
