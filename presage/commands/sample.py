"""`presage sample SPACE -n N`: random architectures as JSON lines."""

from __future__ import annotations

import argparse
import json

from presage.architecture.spaces.registry import SPACES
from presage.arguments import Arguments
from presage.output import positive

SUMMARY = "random architectures of a search space, as JSON lines"


def arguments(parser: Arguments) -> None:
    parser.add_argument("space", metavar="SPACE", help=f"{', '.join(SPACES)}; arguments as in nb201:cells=5,width=16")
    parser.add_argument("-n", type=positive, default=1, metavar="N", help="how many (default: 1)")
    parser.explain("spaces", SPACES.summaries())


def run(options: argparse.Namespace) -> int:
    import numpy as np

    from presage.architecture.serial import dumps, to_json
    from presage.architecture.spaces import get_space

    space = get_space(options.space)
    codes = space.sample(options.n, np.random.default_rng(options.seed))
    sampled = [space.decode(space.params(code)) for code in codes]
    if options.json:
        print(json.dumps({"space": space.name, "architectures": [to_json(architecture) for architecture in sampled]}))
    else:
        for architecture in sampled:
            print(dumps(architecture))
    return 0
