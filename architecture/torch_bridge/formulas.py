"""ATen operators that operations compute in several steps: clipping, powers, variances, gates, norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from presage.architecture.decimals import decimal
from presage.architecture.operations import Activation
from presage.architecture.torch_bridge.arithmetic import add, at_least, multiply, number_of, times
from presage.architecture.torch_bridge.axes import AXES, halves, mean, total
from presage.architecture.torch_bridge.layouts import Refused, Value
from presage.architecture.torch_bridge.operands import Known, TraceStep

__all__ = ["FORMULAS", "clipped"]

Handler = Callable[..., Any]


def _act(step: TraceStep, x: Value, function: str) -> Value:
    return step.writer.pointwise(Activation(function), x)


def clipped(step: TraceStep, x: Value, least: Any = None, most: Any = None) -> Value:
    """Values below one number, and above another, brought to these."""
    if any(isinstance(bound, Known | Value) for bound in (least, most)):
        raise Refused("it clips values to tensors")
    function = {(0, None): "relu", (0, 6): "relu6", (-1, 1): "hardtanh"}.get((least, most))
    if function is not None:
        return _act(step, x, function)
    if least is not None:
        x = at_least(step, x, float(least))
    if most is not None:
        x = times(step, at_least(step, times(step, x, -1), -float(most)), -1)
    return x


def _power(step: TraceStep, x: Any, exponent: Any) -> Value:
    functions = {2: ("square",), 0.5: ("root",), -0.5: ("root", "reciprocal"), -1: ("reciprocal",), 1: ()}
    number = number_of(step, exponent)
    if not isinstance(x, Value) or not number:
        raise Refused("no operation takes this power")
    if number in functions:
        for function in functions[number]:
            x = _act(step, x, function)
        return x  # type: ignore[no-any-return]
    made = step.writer.pointwise(Activation("power", (0, 0) if abs(number) == 3 else decimal(abs(number))), x)
    return made if number > 0 else _act(step, made, "reciprocal")


def _root_over(step: TraceStep, x: Value) -> Value:
    return _power(step, x, -0.5)


def _variance(
    step: TraceStep, x: Value, dim: Any = None, *, correction: float | None = 1, keepdim: bool = False
) -> Value:
    """Over channels or pixels, from its parts: the mean of the squares of what differs from the mean."""
    dims = [dim] if isinstance(dim, int) else list(dim or range(1, len(x.axes)))
    count = 1
    for axis in dims:
        count *= x.sizes[axis]
    centred = add(step, x, times(step, mean(step, x, dims, True), -1))
    squares = mean(step, _act(step, centred, "square"), dims, keepdim)
    freedom = count - (1 if correction is None else correction)
    if freedom <= 0:
        raise Refused("a variance must be of more numbers than its correction")
    return times(step, squares, count / freedom)


def _deviation(step: TraceStep, x: Value, dim: Any = None, **named: Any) -> Value:
    return _act(step, _variance(step, x, dim, **named), "root")


def _variance_and_mean(step: TraceStep, x: Value, dim: Any = None, **named: Any) -> tuple[Value, Value]:
    return _variance(step, x, dim, **named), mean(step, x, dim, bool(named.get("keepdim")))


def _norm(step: TraceStep, x: Value, order: Any = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> Value:
    """The Euclidean one; over pixels it is an operation."""
    if order not in (None, 2):
        raise Refused("a norm must be the Euclidean one")
    try:
        return AXES["pixel_norm"](step, x, dim, keepdim)  # type: ignore[no-any-return]
    except Refused:
        return _act(step, total(step, _act(step, x, "square"), dim, keepdim), "root")


def _celu(step: TraceStep, x: Value, alpha: float = 1) -> Value:
    return times(step, _act(step, times(step, x, 1 / alpha), "elu"), alpha)


def _softplus(step: TraceStep, x: Value, beta: float = 1, threshold: float = 20) -> Value:
    if threshold != 20:
        raise Refused("a softplus must become linear where torch's does")
    return times(step, _act(step, times(step, x, beta), "softplus"), 1 / beta)


def _log_sigmoid(step: TraceStep, x: Value) -> tuple[Value, None]:
    return times(step, _act(step, times(step, x, -1), "softplus"), -1), None


def _soft_shrunk(step: TraceStep, x: Value, lambd: float = 0.5) -> Value:
    above = _act(step, add(step, x, -lambd), "relu")
    below = _act(step, add(step, times(step, x, -1), -lambd), "relu")
    return add(step, above, times(step, below, -1))


def _gated(step: TraceStep, x: Value, dim: int = -1) -> Value:
    """One half of the channels times the sigmoid of the other (arXiv 1612.08083)."""
    left, right = halves(step, x, dim)
    return multiply(step, left, _act(step, right, "sigmoid"))


def _between(step: TraceStep, x: Value, end: Any, weight: Any) -> Value:
    number = number_of(step, weight)
    if number is None:
        raise Refused("it mixes tensors by learned numbers")
    return add(step, times(step, x, 1 - number), multiply(step, end, number))


def _add_quotient(step: TraceStep, x: Any, first: Any, second: Any, *, value: float = 1) -> Value:
    over = _act(step, second, "reciprocal") if isinstance(second, Value) else second
    if not isinstance(second, Value):
        raise Refused("it adds quotients of learned numbers")
    return add(step, x, times(step, multiply(step, first, over), value))


FORMULAS: dict[str, Handler] = {
    "clamp": lambda step, x, min=None, max=None: clipped(step, x, min, max),
    "clamp_min": clipped,
    "clamp_max": lambda step, x, most: clipped(step, x, None, most),
    "hardtanh": lambda step, x, least=-1, most=1: clipped(step, x, least, most),
    "pow": _power,
    "rsqrt": _root_over,
    "var": _variance,
    "std": _deviation,
    "var_mean": _variance_and_mean,
    "linalg_vector_norm": _norm,
    "norm": _norm,
    "celu": _celu,
    "softplus": _softplus,
    "log_sigmoid_forward": _log_sigmoid,
    "softshrink": _soft_shrunk,
    "glu": _gated,
    "lerp": _between,
    "addcdiv": _add_quotient,
    "log1p": lambda step, x: _act(step, add(step, x, 1.0), "logarithm"),
    "expm1": lambda step, x: add(step, _act(step, x, "exponential"), -1.0),
}
"""By name, without the underscore of the in-place form."""
