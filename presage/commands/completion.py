"""`presage completion SHELL`: a script by which a shell completes commands, options and files."""

from __future__ import annotations

import argparse
import json

from presage.arguments import Arguments
from presage.errors import WrongInput

SHELLS = ("bash", "zsh", "tcsh")


def arguments(parser: Arguments) -> None:
    parser.add_argument("shell", choices=SHELLS, help='bash: eval "$(presage completion bash)", in ~/.bashrc')


def run(options: argparse.Namespace) -> int:
    try:
        import shtab
    except ImportError:
        raise WrongInput("Completion needs shtab. Type: pip install 'presage[completion]'") from None
    script = shtab.complete(options.whole_parser(), shell=options.shell)
    print(json.dumps({"shell": options.shell, "script": script}) if options.json else script)
    return 0
