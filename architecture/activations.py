"""The activations: one table of all that is true of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["ACTIVATIONS", "TABLE", "ActivationFunction", "Form"]


class Form(Enum):
    """How the function looks."""

    RECTIFIER = "linear on either side of a bend at 0, or nearly so"
    SMOOTH = "a rectifier whose bend is smoothed"
    SATURATING = "bounded on both sides"
    POWER = "a root, a power, an exponential: a part of some formula"


@dataclass(frozen=True)
class ActivationFunction:
    """What is true of an activation. What is left out is taken not to hold: nothing is then rewritten for it.

    Attributes:
        form: how it looks; predictors see it.
        keeps_zero: 0 at 0.
        not_negative: never below 0.
        keeps_not_negative: hands on whatever is not negative.
        idempotent: hands on its own output.
    """

    form: Form
    keeps_zero: bool = False
    not_negative: bool = False
    keeps_not_negative: bool = False
    idempotent: bool = False


TABLE: dict[str, ActivationFunction] = {
    "relu": ActivationFunction(
        Form.RECTIFIER, keeps_zero=True, not_negative=True, keeps_not_negative=True, idempotent=True
    ),
    "relu6": ActivationFunction(Form.RECTIFIER, keeps_zero=True, not_negative=True, idempotent=True),
    "silu": ActivationFunction(Form.SMOOTH, keeps_zero=True),
    "gelu": ActivationFunction(Form.SMOOTH, keeps_zero=True),
    "sigmoid": ActivationFunction(Form.SATURATING, not_negative=True),
    "tanh": ActivationFunction(Form.SATURATING, keeps_zero=True),
    "hardswish": ActivationFunction(Form.SMOOTH, keeps_zero=True),
    "hardsigmoid": ActivationFunction(Form.SATURATING, not_negative=True),
    "leaky_relu": ActivationFunction(Form.RECTIFIER, keeps_zero=True),
    "elu": ActivationFunction(Form.RECTIFIER, keeps_zero=True),
    "softmax": ActivationFunction(Form.SATURATING, not_negative=True),
    "gelu_tanh": ActivationFunction(Form.SMOOTH, keeps_zero=True),
    "mish": ActivationFunction(Form.SMOOTH, keeps_zero=True),
    "softplus": ActivationFunction(Form.SMOOTH, not_negative=True),
    "selu": ActivationFunction(Form.RECTIFIER, keeps_zero=True),
    "hardtanh": ActivationFunction(Form.SATURATING, keeps_zero=True, idempotent=True),
    "square": ActivationFunction(Form.POWER, keeps_zero=True, not_negative=True),
    "root": ActivationFunction(Form.POWER, keeps_zero=True),
    "exponential": ActivationFunction(Form.POWER, not_negative=True),
    "absolute": ActivationFunction(
        Form.POWER, keeps_zero=True, not_negative=True, keeps_not_negative=True, idempotent=True
    ),
    "reciprocal": ActivationFunction(Form.POWER),
    "power": ActivationFunction(Form.POWER, keeps_zero=True),
    "error_function": ActivationFunction(Form.SATURATING, keeps_zero=True),
    "logarithm": ActivationFunction(Form.POWER),
    "sine": ActivationFunction(Form.SATURATING, keeps_zero=True),
}
"""By name. Append only: a `GraphBatch` stores an activation as its position."""

ACTIVATIONS: tuple[str, ...] = tuple(TABLE)
"""Names that `Activation.function` may take; the order is part of the format."""
