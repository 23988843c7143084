"""Search spaces by name: ``get_space("chain")``, ``get_space("nb201:cells=5,width=16")``."""

from __future__ import annotations

import re
from dataclasses import fields

from presage.architecture.spaces.blocks import Blocks
from presage.architecture.spaces.chain import Chain
from presage.architecture.spaces.darts import Darts
from presage.architecture.spaces.enas_macro import EnasMacro
from presage.architecture.spaces.enas_micro import EnasMicro
from presage.architecture.spaces.mobile import Mobile
from presage.architecture.spaces.nb201 import NB201
from presage.architecture.spaces.space import Categorical, Choice, Codes, Space
from presage.errors import InvalidArgument, UnknownName

__all__ = [
    "NB201",
    "SPACES",
    "Blocks",
    "Categorical",
    "Chain",
    "Choice",
    "Codes",
    "Darts",
    "EnasMacro",
    "EnasMicro",
    "Mobile",
    "Space",
    "get_space",
]

SPACES: dict[str, type[Space]] = {
    space.family: space for space in (Chain, NB201, Darts, EnasMacro, EnasMicro, Mobile, Blocks)
}
"""The spaces that presage ships, by family."""


def get_space(name: str) -> Space:
    """The space of this name: a family of `SPACES`, and after a colon its arguments, ``family:field=integer,…``.

    Raises:
        UnknownName: no such family or argument; names the nearest.
        InvalidArgument: an argument that is no integer, is given twice, or is out of range.
    """
    family, _, text = name.partition(":")
    if family not in SPACES:
        raise UnknownName("space", family, SPACES)
    made = SPACES[family]
    known = [field.name for field in fields(made)]
    arguments: dict[str, int] = {}
    for part in text.split(",") if text else ():
        argument, _, value = part.partition("=")
        if argument not in known:
            raise UnknownName(f"argument of the space `{family}`", argument, known)
        if argument in arguments or not re.fullmatch(r"-?\d+", value):
            raise InvalidArgument(
                argument, family, "be given once, as an integer", part, f"Type {family}:{argument}=1."
            )
        arguments[argument] = int(value)
    return made(**arguments)
