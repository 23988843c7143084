"""`presage sample SPACE -n N`: random architectures as JSON lines."""

from __future__ import annotations

import argparse
import json

from presage.architecture.spaces.registry import SPACES
from presage.arguments import Arguments
from presage.output import up_to

_AT_ONCE = 10_000  # drawn; all at once would fill memory


def arguments(parser: Arguments) -> None:
    parser.add_argument("space", metavar="SPACE", help=f"{', '.join(SPACES)}; arguments as in nb201:cells=5,width=16")
    parser.add_argument("-n", type=up_to(1_000_000), default=1, metavar="N", help="how many (default: 1)")
    parser.explain("spaces", SPACES.summaries())


def run(options: argparse.Namespace) -> int:
    import numpy as np

    from presage.architecture.serial import dumps, to_json
    from presage.architecture.spaces import get_space

    space, rng = get_space(options.space), np.random.default_rng(options.seed)
    sampled = (
        space.decode(space.params(code))
        for done in range(0, options.n, _AT_ONCE)
        for code in space.sample(min(_AT_ONCE, options.n - done), rng)
    )
    if not options.json:
        for architecture in sampled:
            print(dumps(architecture))
        return 0
    between = f'{{"space": {json.dumps(space.name)}, "architectures": ['
    for architecture in sampled:
        print(between, json.dumps(to_json(architecture)), sep="", end="")
        between = ", "
    print("]}")
    return 0
