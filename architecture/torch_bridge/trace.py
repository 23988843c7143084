"""`trace`: a torch module as an architecture, so that presage can be asked about any network.

The module's forward is followed by `torch.fx`, and run once on a meta tensor (no numbers, no time) to learn its shapes.
Its last linear layer becomes the classifier. What changes neither costs nor structure is not kept: the ε of a
normalisation, the slope of a leaky ReLU, a softmax at the end.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Classifier, Linear, Operation
from presage.architecture.torch_bridge.torch_operations import (
    CALLS,
    CHANGES_IN_PLACE,
    NodeWriter,
    Refused,
    Value,
    module_call,
)
from presage.errors import InvalidArchitecture

__all__ = ["Traced", "trace", "trace_module"]


@dataclass(frozen=True)
class Traced:
    """A module's architecture, and where its weights come from.

    Attributes:
        architecture: without dead nodes.
        modules: for each node the name of the submodule that holds its weights, None where it has none.
        classes: outputs of the module's own classifier.
    """

    architecture: Architecture
    modules: tuple[str | None, ...]
    classes: int


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


def trace_module(module: nn.Module, input_shape: Sequence[int] = (3, 224, 224)) -> Traced:
    """As `trace`, with the names of the submodules and the number of classes."""
    if not isinstance(module, nn.Module):
        raise InvalidArchitecture(f"Only a torch.nn.Module can be traced. Got {type(module).__name__}.")
    name = type(module).__name__
    graph, results = _follow(module, tuple(input_shape), name)
    writer = NodeWriter()
    found: dict[fx.Node, Any] = {}
    modules: dict[int, str] = {}
    output: Any = None
    for step in graph.nodes:
        result = results.get(step)
        try:
            if step.op == "placeholder":
                found[step] = _image(found, result)
            elif step.op == "output":
                output = fx.node.map_arg(step.args[0], found.__getitem__)
            elif not _has_tensor(result):
                found[step] = result  # a size, a flag: known now
            elif step.op == "get_attr":
                found[step] = Refused(f"its tensor `{step.target}` is used outside a layer")
            else:
                found[step] = _call(step, module, writer, found, result)
                if step.op == "call_module" and module.get_submodule(step.target).state_dict():
                    if step.target in modules.values():
                        raise Refused("it is used twice, sharing its weights")
                    modules[len(writer.nodes) - 1] = step.target
        except Refused as refused:
            raise InvalidArchitecture(f"Cannot trace {name}: {_where(step, module)}: {refused}.") from None
    return _finish(writer, modules, output, name)


def _follow(module: nn.Module, shape: tuple[int, ...], name: str) -> tuple[fx.Graph, dict[fx.Node, Any]]:
    """The steps of the module's forward, and the result of each on a meta image."""
    try:
        twin = copy.deepcopy(module).eval().to("meta")
        graph = _Tracer().trace(twin)
    except Exception as error:  # the module's own code, run on stand-ins for tensors, may raise anything
        raise InvalidArchitecture(f"Cannot trace {name}: its forward cannot be followed: {_line(error)}") from None
    runner = _Runner(fx.GraphModule(twin, graph), garbage_collect_values=False)
    try:
        with torch.no_grad():
            runner.run(torch.empty((1, *shape), device="meta"))
    except Exception as error:  # as above
        size = "×".join(map(str, shape))
        raise InvalidArchitecture(f"Cannot trace {name}: it fails on an image {size}: {_line(error)}") from None
    return graph, runner.results


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m).__name__ == "StochasticDepth" or super().is_leaf_module(m, module_qualified_name)


class _Runner(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, garbage_collect_values: bool) -> None:
        super().__init__(module, garbage_collect_values=garbage_collect_values)
        self.results: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.results[n] = super().run_node(n)
        return self.results[n]


def _image(found: dict[fx.Node, Any], result: object) -> Any:
    if found:
        if _has_tensor(result):
            raise Refused("it takes a second tensor")
        return result
    assert isinstance(result, Tensor)
    return Value(0, tuple(result.shape[1:]))


def _call(step: fx.Node, module: nn.Module, writer: NodeWriter, found: dict[fx.Node, Any], result: Any) -> Any:
    args: Any = fx.node.map_arg(step.args, found.__getitem__)
    kwargs: dict[str, Any] = dict(fx.node.map_arg(step.kwargs, found.__getitem__))
    for value in _leaves((args, kwargs)):
        if isinstance(value, Refused):
            raise value
    in_place = bool(kwargs.pop("inplace", False))
    writer.result = result
    if step.op == "call_module":
        target = module.get_submodule(str(step.target))
        value = module_call(writer, target, *args, **kwargs)
        in_place = in_place or bool(getattr(target, "inplace", False))
    else:
        name = step.target if isinstance(step.target, str) else getattr(step.target, "__name__", str(step.target))
        call = CALLS.get(name.rstrip("_"))
        if call is None:
            raise Refused("no operation of an architecture does this")
        in_place = in_place or name in CHANGES_IN_PLACE or (step.op == "call_method" and name.endswith("_"))
        try:
            value = call(writer, *args, **kwargs)
        except TypeError:
            raise Refused("no operation of an architecture takes these arguments") from None
    if in_place and args and isinstance(args[0], Value):
        for other, held in found.items():  # whoever reads the overwritten tensor later reads the new one
            if held == args[0]:
                found[other] = value
    return value


def _finish(writer: NodeWriter, modules: dict[int, str], output: Any, name: str) -> Traced:
    if not isinstance(output, Value):
        raise InvalidArchitecture(f"Cannot trace {name}: it must return one tensor of logits (b, k).")
    last = output.index
    while _ends_in_softmax(writer.nodes[last].operation):
        last = writer.nodes[last].inputs[0]
    linear = writer.nodes[last].operation
    if not isinstance(linear, Linear):
        raise InvalidArchitecture(
            f"Cannot trace {name}: it must end with a linear layer, one output per class. Got `{linear.name}` there."
        )
    live = {last}
    for index in range(last, 0, -1):
        if index in live:
            live.update(writer.nodes[index].inputs)
    order = sorted(live)
    place = {index: position for position, index in enumerate(order)}
    kept = [writer.nodes[index] for index in order]
    nodes = [Node(node.operation, tuple(place[source] for source in node.inputs)) for node in kept]
    nodes[-1] = Node(Classifier(linear.bias), nodes[-1].inputs)
    return Traced(Architecture(tuple(nodes)), tuple(modules.get(index) for index in order), linear.features)


def _ends_in_softmax(operation: Operation) -> bool:
    return getattr(operation, "function", "") == "softmax"


def _has_tensor(result: object) -> bool:
    return any(isinstance(leaf, Tensor) for leaf in _leaves(result))


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


def _where(step: fx.Node, module: nn.Module) -> str:
    if step.op == "call_module":
        return f"its module `{step.target}` ({type(module.get_submodule(str(step.target))).__name__})"
    name = step.target if isinstance(step.target, str) else getattr(step.target, "__name__", step.target)
    stack = step.meta.get("nn_module_stack") or {}
    owner = next(reversed(stack), "") if stack else ""
    return f"its call of `{name}`" + (f" in module `{owner}`" if owner else "")


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
