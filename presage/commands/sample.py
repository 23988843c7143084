"""`presage sample SPACE -n N`: random architectures, or recurrent cells, as JSON lines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from presage.architecture.recurrent.registry import CELL_SPACES, get_cell_space
from presage.architecture.spaces.registry import SPACES
from presage.arguments import Arguments
from presage.output import up_to

if TYPE_CHECKING:
    from presage.architecture.spaces.code_space import CodeSpace
    from presage.architecture.spaces.codes import Choice

_AT_ONCE = 10_000  # drawn; all at once would fill memory


def arguments(parser: Arguments) -> None:
    names = ", ".join([*SPACES, *CELL_SPACES])
    parser.add_argument("space", metavar="SPACE", help=f"{names}; arguments as in nb201:cells=5,width=16")
    parser.add_argument("-n", type=up_to(1_000_000), default=1, metavar="N", help="how many (default: 1)")
    parser.explain("spaces", {**SPACES.summaries(), **CELL_SPACES.summaries()})


def run(options: argparse.Namespace) -> int:
    import numpy as np

    space, written, key = _written(options.space)
    rng = np.random.default_rng(options.seed)
    sampled = (
        written(space.params(code))
        for done in range(0, options.n, _AT_ONCE)
        for code in space.sample(min(_AT_ONCE, options.n - done), rng)
    )
    if not options.json:
        for text in sampled:
            print(text)
        return 0
    between = f'{{"space": {json.dumps(space.name)}, "{key}": ['
    for text in sampled:
        print(between, json.dumps(json.loads(text)), sep="", end="")
        between = ", "
    print("]}")
    return 0


def _written(name: str) -> tuple[CodeSpace, Callable[[dict[str, Choice]], str], str]:
    """A space, the line of JSON of its networks or cells by their parameters, and what these are called."""
    from presage.architecture.recurrent.serial import dumps_cell
    from presage.architecture.serial import dumps
    from presage.architecture.spaces import get_space

    if name.partition(":")[0] in CELL_SPACES:
        cells = get_cell_space(name)
        return cells, lambda params: dumps_cell(cells.cell(params)), "cells"
    space = get_space(name)
    return space, lambda params: dumps(space.decode(params)), "architectures"
