"""`Operation`: what an operation says of itself, and what is true of it unless it says otherwise.

All that presage knows of an operation stands on its class: canonical form, numbering, shapes, costs and encoders ask
for these facts and name operations only where a rule is of that operation alone (sums, the absent edge, the image). A
fact that an operation does not state is taken not to hold, so that what is new is never rewritten by mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar

from presage.architecture.activations import ACTIVATIONS
from presage.errors import InvalidArchitecture

__all__ = ["LARGEST", "Elementwise", "Operation", "Pair", "Shape", "shown"]

Shape = tuple[int, ...]
Pair = tuple[int, int]

LARGEST = 2**31 - 1
"""Largest integer a field may hold: a `GraphBatch` stores fields as 32-bit integers."""


def shown(value: object, limit: int = 80) -> str:
    """The value as an error message shows it: at most `limit` characters, whatever it is."""
    try:
        text = repr(value[:limit] if isinstance(value, str | bytes) else value)
    except RecursionError:
        return "a deeply nested value"
    except ValueError:  # an integer of more digits than Python prints
        return "a very large number"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a network. Subclasses are frozen dataclasses whose fields are integers, pairs of integers, flags
    or the name of an activation (annotated ``int``, ``Pair``, ``bool``, ``str``), and say what is true of them:

    Attributes:
        name: in JSON.
        least_inputs, most_inputs: how many nodes it may read; None: any number.
        bounds: by field, the least and the most that an integer may be; 1 and `LARGEST` otherwise.
        weighted: its weights mix what it reads; depth counts it, and no two of them compute the same.
        normalises: it normalises; the field `affine` says whether it has weights of its own.
        random: in training it draws; no two of them compute the same.
        elementwise: each value of its output has its place in the input.
        keeps_shape: its output has the shape of its input.
        keeps_zero: zero where all that it reads is zero.
        zero_with_any: zero where any of what it reads is zero.
        keeps_sign: not negative where nothing that it reads is.
        commutes: the order of its inputs does not matter.
        idle: the values of fields with which it hands its input on; None: it never does.
        reads_map, reads_flat: it takes only ``(c, h, w)``, or only ``(f,)``.
        windowed: it slides a window (`kernel`, `stride`, `padding`) over a map.
        pools: it is a pooling by windows.
        adaptive: its output has the sides that its field `size` says.
        flattens: it makes a map flat; does nothing to what is flat.
        stacks: its inputs' channels follow one another; of one input, it does nothing.
        stretches: axes of length 1 are repeated to fit the other inputs.
        learned: it has weights that do not mix what it reads; no two of them compute the same.
        irregular: the shapes it gives follow no rule that batches know; they are worked out network by network.
        choices: by field of text, the names it may take; `ACTIVATIONS` otherwise.
        later: fields that came after the format did. At their default they are not written, so that what was written
            (and hashed) before means the same.

    Raises:
        InvalidArchitecture: where a field has a wrong type or an impossible value; names both.
    """

    name: ClassVar[str] = ""
    least_inputs: ClassVar[int] = 1
    most_inputs: ClassVar[int | None] = 1
    bounds: ClassVar[Mapping[str, tuple[int, int]]] = {}
    weighted: ClassVar[bool] = False
    normalises: ClassVar[bool] = False
    random: ClassVar[bool] = False
    elementwise: ClassVar[bool] = False
    keeps_shape: ClassVar[bool] = False
    keeps_zero: ClassVar[bool] = False
    zero_with_any: ClassVar[bool] = False
    keeps_sign: ClassVar[bool] = False
    commutes: ClassVar[bool] = False
    idle: ClassVar[Mapping[str, object] | None] = None
    reads_map: ClassVar[bool] = False
    reads_flat: ClassVar[bool] = False
    windowed: ClassVar[bool] = False
    pools: ClassVar[bool] = False
    adaptive: ClassVar[bool] = False
    flattens: ClassVar[bool] = False
    stacks: ClassVar[bool] = False
    stretches: ClassVar[bool] = False
    learned: ClassVar[bool] = False
    irregular: ClassVar[bool] = False
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    later: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        own: Any = type(self)
        for field, kind, least, most in _fields(own):
            value = getattr(self, field)
            if kind == "int":
                fits = type(value) is int and least <= value <= most
            elif kind == "Pair":
                fits = type(value) is tuple and len(value) == 2 and type(value[0]) is int and type(value[1]) is int
                fits = fits and least <= value[0] <= most and least <= value[1] <= most
            elif kind == "bool":
                fits = type(value) is bool
            else:
                fits = type(value) is str and value in self.named(field)
            if not fits:
                rule = {
                    "int": f"be an integer from {least} to {most}",
                    "Pair": f"be a pair of integers from {least} to {most}",
                    "bool": "be true or false",
                }.get(kind, f"be one of {', '.join(self.named(field))}")
                raise InvalidArchitecture(f"The `{field}` of `{self.name}` must {rule}. Got {shown(value)}.")

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        """Shape of the output for these input shapes. Raises `InvalidArchitecture` where there is none."""
        raise NotImplementedError

    @staticmethod
    def stated(own: Any) -> Any:
        """Channels (or features) of the output where the fields alone say them; 0: where its inputs say them.

        Args:
            own: an operation, or its fields as arrays over many of them.
        """
        return 0

    @staticmethod
    def cost(own: Any, read: Any, made: Any) -> tuple[Any, Any]:
        """Parameters (learned scalars; buffers such as running means are not counted), and multiply-adds for one image.

        Args:
            own: an operation, or its fields as arrays over many of them.
            read: shape of the first input: numbers, or arrays.
            made: shape of the output, likewise.
        """
        return 0, 0

    @property
    def hands_on(self) -> bool:
        """Whether its fields say that its output is its input."""
        return self.idle is not None and all(getattr(self, field) == value for field, value in self.idle.items())

    @property
    def unlike(self) -> bool:
        """Whether two of them that read one value give two values: each has weights of its own, or draws."""
        return (
            self.weighted or self.random or self.learned or (self.normalises and bool(getattr(self, "affine", False)))
        )

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        names: tuple[str, ...] = cls.__slots__
        return names

    @classmethod
    def named(cls, field: str) -> tuple[str, ...]:
        """Names that a field of text may take; a `GraphBatch` stores one as its position here."""
        return cls.choices.get(field, ACTIVATIONS)

    def written(self) -> tuple[str, ...]:
        """The fields that are written: later ones only where they are not at their default."""
        own: Any = type(self)
        unlike = _later_defaults(own)
        return tuple(name for name in self.field_names() if name not in unlike or getattr(self, name) != unlike[name])

    def _fail(self, rule: str, inputs: Sequence[Shape]) -> InvalidArchitecture:
        shapes = ", ".join("×".join(map(str, shape)) for shape in inputs)
        return InvalidArchitecture(f"The operation `{self.name}` {rule}. Got input {shapes or 'none'} for {self}.")


class Elementwise(Operation):
    """Shared by operations each of whose values has its place in the input."""

    __slots__ = ()
    elementwise: ClassVar[bool] = True
    keeps_shape: ClassVar[bool] = True
    keeps_zero: ClassVar[bool] = True

    def shape(self, inputs: Sequence[Shape]) -> Shape:
        return inputs[0]


@cache
def _fields(kind: Any) -> tuple[tuple[str, str, int, int], ...]:
    """Name, type, least and most of each field."""
    return tuple((one.name, str(one.type), *kind.bounds.get(one.name, (1, LARGEST))) for one in fields(kind))


@cache
def _later_defaults(kind: Any) -> dict[str, object]:
    return {one.name: one.default for one in fields(kind) if one.name in kind.later}
