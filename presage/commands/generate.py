"""`presage generate MODEL`: text by a network that `presage text` left in a folder."""

from __future__ import annotations

import argparse
import json
import re

from presage.arguments import Arguments
from presage.output import up_to


def arguments(parser: Arguments) -> None:
    parser.add_argument("model", metavar="MODEL", help="folder that `presage text` left")
    parser.add_argument("--prompt", default="", metavar="TEXT", help="what the network reads first, and goes on with")
    parser.add_argument(
        "--length", type=up_to(1_000_000), default=400, metavar="N", help="characters or words (default: 400)"
    )
    parser.add_argument(
        "--temperature", type=_temperature, default=0.8, metavar="T",
        help="under 1 the likely is likelier still; 0 takes the likeliest each time (default: 0.8)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    from presage.training.text.text_model import load_text_model

    model = load_text_model(options.model)
    found = model.generate(options.prompt, options.length, options.temperature, options.seed)
    if options.json:
        print(json.dumps({"prompt": options.prompt, "text": found}))
    else:
        print(options.prompt + found)
    return 0


def _temperature(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d*)?|\.\d+", text) or float(text) > 100:
        raise argparse.ArgumentTypeError(f"must be a number within 0 and 100. Got {text!r}")
    return float(text)
