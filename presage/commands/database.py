"""`presage database info|query|import|export|sync|check`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from presage.arguments import Action, Arguments
from presage.console import session_of
from presage.errors import InvalidArgument
from presage.folders import check_folder
from presage.output import positive, scaled, share, table
from presage.places import path_argument
from presage.recipes import recipe_record_words
from presage.steps.imports.published import NETWORKS
from presage.terminal import one_line

if TYPE_CHECKING:
    from presage.database import ExperimentColumns, ImportReport
    from presage.records import DatasetRecord, RecipeRecord


def _info(options: argparse.Namespace) -> int:
    with session_of(options) as session, session.open_to_read() as database:
        info = database.info()
        words = {record.hash: recipe_record_words(record) for record in database.recipes()}
    print(json.dumps({**info.to_json(), "recipe_words": words}) if options.json else info.text(words))
    return 0


def _query(options: argparse.Namespace) -> int:
    from presage.probe.protocol import PROBE_VERSION

    with session_of(options) as session, session.open_to_read() as database:
        found = database.similar(options.dcn, options.tolerance, least=options.least, version=PROBE_VERSION)
        datasets = {record.fingerprint: record for record in database.datasets()}
        recipes = {record.hash: record for record in database.recipes()}
        rows = found.experiments
        best = rows.best(options.top)
        spaces = database.spaces_of([str(rows.architecture[row]) for row in best])
    listed = [_network(rows, row, datasets, recipes, spaces) for row in best]
    counts = [
        {"name": datasets[key].name, "dcn": float(found.dcn[index]), "experiments": int((rows.dataset == index).sum())}
        for index, key in enumerate(rows.datasets)
    ]
    if options.json:
        answer = {"tolerance": found.tolerance, "widened": found.widened, "datasets": counts, "best": listed}
        print(json.dumps({**answer, "experiments": len(rows)}))
        return 0
    print(one_line(found.note))
    print(
        table(
            ("dataset", "DCN", "experiments"),
            [(str(c["name"]), f"{c['dcn']:.3f}", f"{c['experiments']}") for c in counts],
        )
    )
    print()
    header = ("best networks", "dataset", "space", "trained", "recipe", "parameters", "multiply-adds")
    shown = [
        (
            one["architecture"][:12],
            one["dataset"],
            one["space"],
            f"{one['accuracy']:.3f}",
            one["recipe_words"],
            scaled(one["parameters"]),
            scaled(one["multiply_adds"]),
        )
        for one in listed
    ]
    print(table(header, shown))
    return 0


def _network(
    rows: ExperimentColumns,
    row: int,
    datasets: Mapping[str, DatasetRecord],
    recipes: Mapping[str, RecipeRecord],
    spaces: Mapping[str, str],
) -> dict[str, Any]:
    architecture, dataset = str(rows.architecture[row]), datasets[rows.datasets[rows.dataset[row]]]
    recipe = recipes[rows.recipes[rows.recipe[row]]]
    return {
        "dataset": dataset.name,
        "architecture": architecture,
        "space": spaces.get(architecture, ""),
        "accuracy": float(rows.accuracy[row]),
        "recipe": recipe.json,
        "recipe_words": recipe_record_words(recipe, dataset),
        "parameters": int(rows.parameters[row]),
        "multiply_adds": int(rows.multiply_adds[row]),
    }


def _query_arguments(parser: Arguments) -> None:
    parser.add_argument("--dcn", type=share, required=True, metavar="X", help="difficulty, in [0, 1]")
    parser.add_argument("--tolerance", type=share, default=0.05, metavar="T", help="largest |ΔDCN| (default: 0.05)")
    parser.add_argument("--least", type=positive, default=50, metavar="N", help="widen until so many (default: 50)")
    parser.add_argument("--top", type=positive, default=10, metavar="N", help="best networks to show (default: 10)")


def _import_arguments(parser: Arguments) -> None:
    parser.add_argument(
        "paths", type=path_argument, nargs="+", metavar="PATH",
        help="shards or folders of them, exported Parquet, a database, or a table of trainings: a CSV or Parquet file "
        "with a row for each, of the columns that docs/own-trainings.md lists; or nasbench201, the published trainings",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="say what would be taken in, and write nothing")
    parser.add_argument(
        "--networks", type=_networks, default=NETWORKS, metavar="N|all",
        help="cells of nasbench201 on each of its three datasets (default: %(default)s)",
    )  # fmt: skip
    group = parser.add_argument_group("tables of trainings")
    group.add_argument(
        "--column", action="append", default=[], dest="columns", metavar="NAME=THEIRS",
        help="what the table calls a column, as in accuracy=val_acc; may be repeated",
    )  # fmt: skip
    group.add_argument(
        "--trust-code", action="store_true",
        help="import the modules that the table names as module:callable, and call them (torchvision.models always is)",
    )  # fmt: skip


def _export_arguments(parser: Arguments) -> None:
    parser.add_argument("folder", type=path_argument, metavar="DIR", help="folder to write to")


def _import(options: argparse.Namespace) -> int:
    from presage.steps.experience import ImportOptions

    networks = None if options.networks == "all" else options.networks
    asked = ImportOptions(options.dry_run, _renamed(options.columns), options.trust_code, networks)
    with session_of(options) as session:
        report = session.import_experience(options.paths, asked)
    if options.json:
        refused = [{"where": refusal.where, "why": refusal.why} for refusal in report.refused]
        counts = _counts(report)
        rest = {"refused": refused, "notes": list(report.notes), "dry_run": report.dry_run}
        rest |= {"unnamed": report.unnamed} if report.unnamed else {}
        print(json.dumps({**counts, "already": report.already, **rest}))
    else:
        print(report.text())
    return 2 if report.refused else 0


def _counts(report: ImportReport) -> dict[str, int]:
    """What was added, by kind; trainings on texts where there are some."""
    counts = {"experiments": report.experiments, "probes": report.probes, "predictions": report.predictions}
    return counts | ({"text_experiments": report.text_experiments} if report.text_experiments else {})


def _networks(text: str) -> int | str:
    """A count, or `all`, for argparse."""
    return text if text == "all" else positive(text)


def _renamed(texts: Sequence[str]) -> dict[str, str]:
    """Column of presage → what a table calls it."""
    found = {}
    for text in texts:
        ours, equals, theirs = text.partition("=")
        if not ours or not equals or not theirs:
            rule = "be NAME=THEIRS, such as accuracy=val_acc"
            raise InvalidArgument("--column", "presage database import", rule, text)
        found[ours.strip()] = theirs.strip()
    return found


def _export(options: argparse.Namespace) -> int:
    check_folder(options.folder, "DIR", "presage database export")
    with session_of(options) as session, session.open_to_read() as database:
        database.export_parquet(options.folder)
    print(json.dumps({"folder": str(options.folder)}) if options.json else f"Written to {one_line(options.folder)}.")
    return 0


def _sync_arguments(parser: Arguments) -> None:
    parser.add_argument(
        "place", metavar="PLACE",
        help="a folder that all can write to; or s3://BUCKET/PREFIX or gs://BUCKET/PREFIX "
        "(needs: pip install 'presage[s3]' or 'presage[gs]')",
    )  # fmt: skip


def _sync(options: argparse.Namespace) -> int:
    from presage.steps.experience import sync_experience

    with session_of(options) as session:
        report = sync_experience(session.open, options.place, session.progress)
    pulled = report.pulled
    if options.json:
        refused = [{"where": refusal.where, "why": refusal.why} for refusal in pulled.refused]
        counts = _counts(pulled)
        taken = {**counts, "already": pulled.already, "parts": report.parts_pulled, "refused": refused}
        print(json.dumps({"pulled": taken, "pushed": {**report.pushed, "parts": report.parts_pushed}}))
    else:
        print(report.text())
    return 1 if pulled.refused else 0


def _check(options: argparse.Namespace) -> int:
    from presage.database import check_file

    with session_of(options) as session:
        found = check_file(session.path)
    if options.json:
        print(json.dumps({"damage": [{"where": damage.where, "what": damage.what} for damage in found]}))
    else:
        print("\n".join(map(one_line, found)) or f"{session.path} is sound.")
    return 1 if found else 0


ACTIONS = {
    "info": Action("what it holds", "What the database holds.", _info),
    "query": Action(
        "experiments on datasets of like difficulty", "Experiments on datasets of like DCN.", _query, _query_arguments
    ),
    "import": Action(
        "take in shards, Parquet or another database", "Take in experience; idempotent.", _import, _import_arguments
    ),
    "export": Action("write Parquet files", "Write everything as Parquet.", _export, _export_arguments),
    "sync": Action(
        "exchange with a team's folder or bucket",
        "Take in what is new there, leave what is missing; idempotent.",
        _sync,
        _sync_arguments,
    ),
    "check": Action("find and name damage", "Find and name damage.", _check),
}
"""Name → action of `presage database`."""
