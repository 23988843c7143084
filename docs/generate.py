"""Write the generated blocks of the documentation, or with --check say which are stale.

A block stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; NAME is a function below.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presage.registry import Registered, Registry

HERE = Path(__file__).resolve().parent
BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def command_line() -> str:
    """Help of every command, 100 columns wide."""
    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1"}  # NO_COLOR: Python 3.14 colours help
    from presage.cli import command_line as built

    root = built()
    parts = ["```text\n" + root.parser.format_help() + "```\n"]
    for name, command in root.below.items():
        parts.append(f"\n## presage {name}\n\n```text\n{command.parser.format_help()}```\n")
        for inner, action in command.below.items():
            parts.append(f"\n### presage {name} {inner}\n\n```text\n{action.parser.format_help()}```\n")
    return "\n" + "".join(parts) + "\n"


def schema() -> str:
    """Tables and columns of the database."""
    from presage.database.schema import schema_markdown

    return "\n" + schema_markdown().rstrip() + "\n\n"


def own_columns() -> str:
    """Columns of a table of trainings that was made elsewhere."""
    from presage.steps.imports.columns import COLUMNS, NEEDED

    rows = [f"| `{name}` | {'yes' if name in NEEDED else ''} | {text} |" for name, text in COLUMNS.items()]
    return "\n".join(["", "| column | needed | meaning |", "|---|---|---|", *rows, "", ""])


def recipe_columns() -> str:
    """Columns of such a table that are fields of a recipe."""
    from presage.steps.imports.columns import RECIPE_COLUMNS

    return f"\n{', '.join(f'`{name}`' for name in RECIPE_COLUMNS)}\n\n"


def spaces() -> str:
    """The search spaces: what each holds, its arguments, and how large it is with their defaults."""
    from presage.architecture.spaces import SPACES

    return _spaces(SPACES)


def cell_spaces() -> str:
    """The same of the spaces of recurrent cells."""
    from presage.architecture.recurrent.registry import CELL_SPACES

    return _spaces(CELL_SPACES)


def _spaces(known: Registry[Registered]) -> str:
    from presage.architecture.spaces.registry import space_of

    lines = ["", "| space | what it holds | arguments (default) | parameters | combinations |", "|---|---|---|---|---|"]
    for name, summary in known.summaries().items():
        space = space_of(name, known)
        size = math.prod(len(parameter.choices) for parameter in space.parameters)
        given = ", ".join(f"`{field.name}` ({field.default})" for field in dataclasses.fields(space))
        lines.append(f"| `{name}` | {summary} | {given} | {len(space.parameters)} | {size:.3g} |")
    return "\n".join([*lines, "", ""])


def strategies() -> str:
    """The search strategies: what each is, and what it serves."""
    from presage.search.strategies import SAMPLERS, STRATEGIES, SUPERNET_STRATEGIES

    lines = ["", "| name | what it is | several objectives | trains a super-net |", "|---|---|---|---|"]
    for name, entry in STRATEGIES.items():
        several = "yes" if name in SAMPLERS and SAMPLERS[name].several_objectives else "no"
        lines.append(f"| `{name}` | {entry.summary} | {several} | {'yes' if name in SUPERNET_STRATEGIES else 'no'} |")
    return "\n".join([*lines, "", ""])


def predictors() -> str:
    """The accuracy predictors and what each knows."""
    from presage.surrogate import PREDICTORS

    lines = [f"- `{entry.target.partition(':')[2]}` (`{name}`): {entry.summary}." for name, entry in PREDICTORS.items()]
    return "\n".join(["", *lines, "", ""])


def proxies() -> str:
    """The zero-cost proxies: what each is, and where it comes from."""
    from presage.surrogate.proxies import PROXIES

    lines = ["", "| name | what it is | paper |", "|---|---|---|"]
    for name, proxy in PROXIES.items():
        summary = proxy.summary.replace("|", "\\|")
        lines.append(f"| `{name}` | {summary} | {proxy.paper} |")
    return "\n".join([*lines, "", ""])


EVALUATED = {
    "evaluation": (
        "goals",
        "predictors",
        "predictors-by-dataset",
        "details",
        "other-recipes",
        "intervals",
        "core",
        "few-shot",
        "rival",
        "best-of-k",
        "dcn",
        "dcn-by-dataset",
    ),
    "evaluation/families": ("goals", "predictors", "core"),
}
"""Tables that `presage evaluate --out` left in a folder of the docs (`make evaluation`)."""


def evaluated(folder: str, name: str) -> str:
    """One of those tables, under its title."""
    from presage.surrogate.evaluation.tables import Table

    for fields in json.loads((HERE / folder / "tables.json").read_text(encoding="utf-8")):
        if fields["name"] == name:
            cells = {"heads": tuple(fields["heads"]), "rows": tuple(tuple(row) for row in fields["rows"])}
            table = Table(**{**fields, **cells})
            return f"\n{table.title}\n\n{table.markdown()}\n\n"
    raise KeyError(f"{folder}/tables.json has no table `{name}`. Type `make evaluation`.")


def traced_networks() -> str:
    """Public networks, traced or refused, as `benchmarks/traced_networks.py` wrote them down."""
    rows = [json.loads(line) for line in (HERE / "traced_networks.jsonl").read_text().splitlines()]
    parts = [""]
    for library in ("torchvision", "timm"):
        own = [row for row in rows if row["library"] == library]
        by = {kind: [row for row in own if row["outcome"] == kind] for kind in ("traced", "refused", "attention")}
        convolutional = len(by["traced"]) + len(by["refused"])
        share = f"{len(by['traced'])} of {convolutional} convolutional networks"
        families = {row["family"] for row in by["traced"] + by["refused"]}
        read = {row["family"] for row in by["traced"]}
        of = f", of {len(read)} of {len(families)} families" if library == "timm" else ""
        parts += [f"**{library}**: {share}{of}, {len(by['attention'])} others with attention.", ""]
        parts += [", ".join(f"`{row['name']}`" for row in by["traced"]) + ".", ""]
        for kind, title in (("refused", "Refused, though convolutional"), ("attention", "With attention")):
            if by[kind]:
                parts += [f"{title}:", "", "| network | why |", "|---|---|"]
                parts += [f"| `{row['name']}` | {row['said'].partition(': presage knows')[0]} |" for row in by[kind]]
                parts += [""]
    return "\n".join(parts)


GENERATORS: dict[str, Callable[[], str]] = {
    "command-line": command_line,
    "schema": schema,
    "own-columns": own_columns,
    "recipe-columns": recipe_columns,
    "spaces": spaces,
    "cell-spaces": cell_spaces,
    "predictors": predictors,
    "strategies": strategies,
    "traced-networks": traced_networks,
    "proxies": proxies,
    **{
        f"{folder.replace('/', '-')}-{name}": partial(evaluated, folder, name)
        for folder, names in EVALUATED.items()
        for name in names
    },
}


def fresh(text: str) -> str:
    """The page with every generated block written anew."""
    return BLOCK.sub(lambda match: match[1] + GENERATORS[match["name"]]() + match[3], text)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page is stale")
    check = options.parse_args().check
    stale = []
    for page in sorted(HERE.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        new = fresh(text)
        if new != text:
            stale.append(page.name)
            if not check:
                page.write_text(new, encoding="utf-8")
    if stale:
        print(("Stale: " if check else "Written: ") + ", ".join(stale) + (". Type `make docs`." if check else ""))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
