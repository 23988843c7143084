"""`presage populate DATASET...`: experiments and probes for the database; resumable."""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from presage.arguments import Arguments
from presage.console import notice, session_of
from presage.folders import check_folder
from presage.output import clock, duration, table, up_to
from presage.places import path_argument
from presage.progress import ProgressBars
from presage.recipes import add_recipe_options, recipe_of
from presage.side_by_side import add_workers, told_place, told_workers
from presage.training.datasets.kinds import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from presage.search.planning.workload import PlannedPart
    from presage.steps.populating import CampaignWish
    from presage.training import Recipe

_COUNT, _MOST = 56, 10_000  # experiments for each dataset, and with a budget


def arguments(parser: Arguments) -> None:
    parser.add_argument("datasets", metavar="DATASET", nargs="+", help=listed())
    parser.add_argument(
        "--count",
        type=up_to(1_000_000),
        metavar="N",
        help="experiments for each (default: 56; with --budget what fits)",
    )
    parser.add_argument(
        "--budget", type=duration, metavar="TIME",
        help="spend so much time, as in 90s, 10m or 1h30m, on as many experiments as fit",
    )  # fmt: skip
    add_workers(parser, "experiments")
    parser.add_argument(
        "--out",
        type=path_argument,
        default=Path("runs/populate"),
        metavar="DIR",
        help="folder of the shards (default: %(default)s)",
    )
    parser.add_argument(
        "--probes", type=up_to(1000), default=3, metavar="N", help="probes for each dataset (default: 3)"
    )
    parser.add_argument(
        "--many-recipes",
        action="store_true",
        help="a design of about a hundred recipes, and of larger networks too: each is trained by a recipe of its own",
    )
    add_recipe_options(parser)


def run(options: argparse.Namespace) -> int:
    began = time.monotonic()
    recipe = _recipe(options)
    check_folder(options.out, "--out", "presage populate")
    if find_spec("duckdb") is None:
        return _shards_only(options, recipe)
    with session_of(options) as session:
        session.check_database()
        told_workers(options, "presage populate")
        summary, report = session.populate(
            options.datasets, options.out, _count(options), recipe, workers=options.workers, probes=options.probes,
            wish=_wish(options, began), tell=lambda words: told_place(words, options),
        )  # fmt: skip
    if options.json:
        answer = {
            "experiments": summary.total,
            "already": summary.already,
            "added": summary.added,
            "failed": summary.failed,
            "probes": report.probes,
            "refused": [*summary.refused, *map(str, report.refused)],
        }
        print(json.dumps(answer))
    else:
        print(
            f"{summary.added} experiments and {report.probes} probes added, {summary.already} experiments were there, "
            f"{summary.failed} ended early."
        )
        print("\n".join([*summary.refused, report.text()]))
    return 1 if summary.refused or report.refused else 0


def _recipe(options: argparse.Namespace) -> Recipe | None:
    """The one recipe of all networks; None where each has its own."""
    from presage.errors import InvalidArgument
    from presage.training import Recipe

    recipe = recipe_of(options)
    if not options.many_recipes:
        return recipe
    if recipe != Recipe():
        rule = "be given without a recipe, for each network has its own"
        raise InvalidArgument("--many-recipes", "presage populate", rule, "both")
    return None


def _count(options: argparse.Namespace) -> int:
    return int(options.count or (_MOST if options.budget is not None else _COUNT))


def _wish(options: argparse.Namespace, began: float) -> CampaignWish | None:
    """The budget; what will be done is shown on stderr."""
    from presage.steps.populating import CampaignWish

    def tell(parts: Sequence[PlannedPart]) -> None:
        if not options.quiet:
            rows = [(part.name, part.what, clock(part.seconds)) for part in parts]
            total = f"{clock(sum(part.seconds for part in parts))} of {clock(options.budget)}"
            print(table(("part", "what", "time"), [*rows, ("in all", "", total)]), file=sys.stderr, flush=True)

    return None if options.budget is None else CampaignWish(options.budget, tell, began)


def _shards_only(options: argparse.Namespace, recipe: Recipe | None) -> int:
    """Where only torch and numpy are installed: probes and experiments as shards, to be imported elsewhere."""
    from presage.errors import InvalidArgument
    from presage.probe.__main__ import main as probe
    from presage.probe.recording import recorded_probes
    from presage.training import Campaign, Recipe, recipe_design
    from presage.training.executors import worker_pool

    if options.budget is not None:
        rule = "be left out where DuckDB is not installed; give a --count"
        raise InvalidArgument("--budget", "presage populate", rule, f"{options.budget:g}s")
    notice(f"DuckDB is not installed: shards only; elsewhere, type `presage database import {options.out}`.", options)
    words = ["--out", str(options.out), "--seeds", str(options.probes), "--device", options.device]
    before = len(recorded_probes(options.out))
    with redirect_stdout(sys.stderr):
        code = probe([*options.datasets, *words])
    if code:
        return code
    probes = len(recorded_probes(options.out)) - before
    at_once = worker_pool(options.workers, options.device, options.out / ".calls", owner="presage populate")
    with ProgressBars(quiet=options.quiet) as progress, at_once as found:
        told_place(found.words, options)
        campaign = Campaign(
            options.datasets,
            options.out,
            _count(options),
            recipe or Recipe(),
            found.slots,
            options.device,
            design=recipe_design.recipe_sequence if recipe is None else None,
            executor=found.executor,
        )
        summary = campaign.run(lambda state: progress("populate", state.done, state.total))
    counts = {
        "experiments": summary.total,
        "already": summary.already,
        "added": summary.added,
        "failed": summary.failed,
    }
    if options.json:
        print(json.dumps({**counts, "probes": probes, "refused": list(summary.refused)}))
    else:
        added = f"{summary.added} experiments and {probes} probes added to {options.out}"
        print(f"{added}, {summary.already} experiments were there.")
    return 1 if summary.refused else 0
