"""Values chosen by where a tensor is positive: the activations that people write with `where`, masks and `max`.

A comparison is no tensor of an architecture. It is remembered until it is known what is done with it: what is chosen
between a tensor and a multiple of itself is a leaky ReLU, between it and 0 a ReLU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from presage.architecture.operations import Activation, ConstantProduct, ParametricRelu, Scale, Zero
from presage.architecture.torch_bridge.arithmetic import number_of
from presage.architecture.torch_bridge.layouts import Refused, Value
from presage.architecture.torch_bridge.operands import TraceStep

__all__ = ["COMPARISONS", "CONDITIONS", "Condition"]

Handler = Callable[..., Any]


@dataclass(frozen=True)
class Condition:
    """Where a tensor is positive, or where it is not; what it is at 0 itself is left open."""

    of: Value
    positive: bool


def _compared(positive: bool) -> Handler:
    def compared(step: TraceStep, x: Any, other: Any) -> Condition:
        if not isinstance(x, Value):
            return Condition(other, not positive) if _is_zero(step, x) else _refuse()
        return Condition(x, positive) if _is_zero(step, other) else _refuse()

    return compared


def _refuse() -> Condition:
    raise Refused("it goes by comparisons of tensors with each other, or with other numbers than 0")


def _is_zero(step: TraceStep, given: Any) -> bool:
    if isinstance(given, Value):
        return isinstance(step.writer.nodes[given.index].operation, Zero)
    return number_of(step, given) == 0


def _not(step: TraceStep, condition: Condition) -> Condition:
    return Condition(condition.of, not condition.positive)


def _where(step: TraceStep, condition: Any, chosen: Any, other: Any) -> Value:
    """`chosen` where the condition holds, `other` elsewhere."""
    if not isinstance(condition, Condition):
        raise Refused("it goes by fixed masks")
    x = condition.of
    above, below = (chosen, other) if condition.positive else (other, chosen)
    if isinstance(above, Value) and (above.index, above.axes) == (x.index, x.axes):
        if not isinstance(below, Value):
            return step.writer.pointwise(Activation("relu"), x) if _is_zero(step, below) else _unlike()
        if _is_zero(step, below):
            return step.writer.pointwise(Activation("relu"), x)
        node = step.writer.nodes[below.index]
        if node.inputs == (x.index,) and below.axes == x.axes:
            if isinstance(node.operation, ConstantProduct):
                return step.writer.pointwise(Activation("leaky_relu", _slope(node.operation)), x)
            if isinstance(node.operation, Scale) and not node.operation.fixed:
                value = step.writer.pointwise(ParametricRelu(node.operation.channelwise), x)
                step.weights.hold(value.index, *step.weights.sources[below.index])
                return value
    return _unlike()


def _slope(product: ConstantProduct) -> tuple[int, int]:
    return (0, 0) if product.value == (1, -2) else product.value  # torch's own is not written


def _unlike() -> Value:
    raise Refused("what it chooses by a condition is neither a ReLU nor a leaky one")


def _filled(step: TraceStep, x: Any, mask: Any, number: Any) -> Value:
    return _where(step, mask, number, x)


def _put(step: TraceStep, x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Value:
    if accumulate or len(indices) != 1:
        raise Refused("it writes into parts of a tensor")
    return _where(step, indices[0], values, x)


def _masked(step: TraceStep, x: Any, other: Any) -> Value:
    """A tensor times where it is positive."""
    value, mask = (x, other) if isinstance(other, Condition) else (other, x)
    return _where(step, mask, value, 0)


def _same(step: TraceStep, x: Any, *_: Any, **__: Any) -> Any:
    return x


COMPARISONS: dict[str, Handler] = {
    **dict.fromkeys(("gt", "ge", "greater", "greater_equal"), _compared(True)),
    **dict.fromkeys(("lt", "le", "less", "less_equal"), _compared(False)),
}
"""What conditions come out of, by name."""

CONDITIONS: dict[str, Handler] = {
    **dict.fromkeys(("logical_not", "bitwise_not"), _not),
    "where": _where,
    "masked_fill": _filled,
    "index_put": _put,
    **dict.fromkeys(("mul", "multiply"), _masked),
    **dict.fromkeys(("_to_copy", "to", "clone", "detach", "alias", "contiguous"), _same),
}
"""What they go into, by name, without the underscore of the in-place form."""
