"""The spaces that presage ships, and any space by its name: ``get_space("nb201:cells=5,width=16")``."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from presage.errors import InvalidArgument, UnknownName
from presage.registry import Registered, Registry

if TYPE_CHECKING:
    from presage.architecture.spaces.space import Space

__all__ = ["SPACES", "get_space", "space_of"]

_HERE = "presage.architecture.spaces"

SPACES: Registry[Registered] = Registry(
    "space",
    {
        "chain": Registered(
            f"{_HERE}.chain:Chain",
            "plain networks of variable depth in the manner of TAPAS (arXiv 1806.00250): convolutions, residual "
            "blocks, separable convolutions, pooling, skips to earlier layers, three kinds of end",
        ),
        "nb201": Registered(
            f"{_HERE}.nb201:NB201", "the cells of NAS-Bench-201 (arXiv 2001.00326): six edges, five operations"
        ),
        "nb101": Registered(
            f"{_HERE}.nb101:NB101",
            "the cells of NAS-Bench-101 (arXiv 1902.09635): graphs of seven vertices and nine edges, three operations",
        ),
        "darts": Registered(f"{_HERE}.darts:Darts", "the normal and the reduction cell of DARTS (arXiv 1806.09055)"),
        "enas_macro": Registered(
            f"{_HERE}.enas_macro:EnasMacro",
            "whole networks of ENAS, layer by layer: six operations, any skip connection between layers",
        ),
        "enas_micro": Registered(
            f"{_HERE}.enas_micro:EnasMicro", "the cells of ENAS (arXiv 1802.03268), which hold NASNet-like ones"
        ),
        "nasnet": Registered(
            f"{_HERE}.nasnet:NASNet",
            "the cells of NASNet and AmoebaNet (arXiv 1707.07012, 1802.01548), with all fourteen operations",
        ),
        "hierarchical": Registered(
            f"{_HERE}.hierarchical:Hierarchical",
            "motifs of motifs (arXiv 1711.00436): small graphs of primitives, and a cell that is a graph of these",
        ),
        "mobile": Registered(
            f"{_HERE}.mobile:Mobile",
            "inverted bottlenecks as in ProxylessNAS (arXiv 1812.00332): kernel 3, 5 or 7, expansion 3 or 6, or "
            "skipped",
        ),
        "blocks": Registered(
            f"{_HERE}.blocks:Blocks",
            "a wide residual network whose blocks are swapped as in BlockSwap (arXiv 1906.04113): standard, grouped, "
            "bottleneck, grouped bottleneck, depthwise separable",
        ),
        "stages": Registered(
            f"{_HERE}.stages:Stages",
            "what networks that people ship look like (VGG, ResNet, MobileNetV2; arXiv 2003.13678): stages of like "
            "blocks, wider where the image is smaller",
        ),
    },
)
"""By family."""


def get_space(name: str) -> Space:
    """The space of this name: a family of `SPACES`, and after a colon its arguments, ``family:field=integer,…``.

    Raises:
        UnknownName: no such family or argument; names the nearest.
        InvalidArgument: an argument that is no integer, is given twice, or is out of range.
    """
    made: Space = space_of(name, SPACES)
    return made


def space_of(name: str, known: Registry[Registered]) -> Any:
    """The space of this name among those `known`; see `get_space`."""
    family, _, text = name.partition(":")
    made: Any = known.load(family)
    fields_of = [field.name for field in fields(made)]
    arguments: dict[str, int] = {}
    for part in text.split(",") if text else ():
        argument, _, value = part.partition("=")
        if argument not in fields_of:
            raise UnknownName(f"argument of the space `{family}`", argument, fields_of)
        if argument in arguments or not re.fullmatch(r"-?\d+", value):
            raise InvalidArgument(
                argument, family, "be given once, as an integer", part, f"Type {family}:{argument}=1."
            )
        arguments[argument] = int(value)
    return made(**arguments)
