"""`presage evaluate`: how good are the predictors on datasets they have never seen?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from presage.arguments import Arguments
from presage.console import notice, session_of
from presage.folders import check_folder
from presage.output import positive, up_to
from presage.places import path_argument
from presage.surrogate.predictors.registry import PREDICTORS
from presage.training.worker_sites import AUTO_WORKERS, MOST


def arguments(parser: Arguments) -> None:
    parser.add_argument(
        "--predictors", metavar="NAME,NAME", help="which to evaluate (default: all, baselines included)"
    )
    parser.add_argument(
        "--studies",
        metavar="NAME,NAME",
        help="what to study beside them, of scenarios, core, few-shot and dcn; or `none` (default: all)",
    )
    parser.add_argument(
        "--folds", type=positive, metavar="N", help="leave datasets out in N parts instead of one by one"
    )
    parser.add_argument(
        "--families",
        metavar="FILE|shipped",
        help="leave families of datasets out whole: a JSON object, dataset name → family, or `shipped`",
    )
    parser.add_argument(
        "--matrix",
        action="store_true",
        help="also leave out recipes and large networks beside the datasets, and score the ensemble (or the first "
        "predictor named that is no baseline) there: some dozens of fits",
    )
    parser.add_argument(
        "--draws", type=positive, default=8, metavar="N", help="random draws of trained networks (default: 8)"
    )
    parser.add_argument(
        "--workers",
        type=_workers,
        default=1,
        metavar="N",
        help="folds at once, each in a process of one thread and with an experience of its own in memory: a number, "
        "or auto, one for each core (default: 1, in this process by all threads). Results are the same for any",
    )
    parser.add_argument(
        "--out",
        type=path_argument,
        metavar="FOLDER",
        help="also write tables (Markdown, CSV, JSON) and plots (PNG) there",
    )
    parser.add_argument("--points", action="store_true", help="with --json: every predicted and trained accuracy too")
    parser.explain("predictors", PREDICTORS.summaries())


def run(options: argparse.Namespace) -> int:
    predictors = list(PREDICTORS) if options.predictors is None else options.predictors.split(",")
    studies = None if options.studies is None else [] if options.studies == "none" else options.studies.split(",")
    families = None if options.families is None else _families(options.families)
    if options.out is not None:
        check_folder(options.out, "--out", "presage evaluate")
    with session_of(options) as session:
        found = session.evaluate(
            predictors,
            studies=studies,
            folds=options.folds,
            families=families,
            draws=options.draws,
            matrix=options.matrix,
            workers=options.workers,
        )
        notice(f"finished parts are kept beside the database, {session.cache('evaluation')}", options)
    if options.out is not None:
        from presage.report.evaluation_files import write_evaluation

        written = write_evaluation(found, options.out)
        notice(f"{len(written)} tables and plots are in {options.out}", options)
    print(json.dumps(found.to_json(points=options.points)) if options.json else found.text())
    return 0


def _workers(text: str) -> int | str:
    try:
        return text if text == AUTO_WORKERS else up_to(MOST)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"must be {AUTO_WORKERS}, or {str(error).removeprefix('must be ')}") from None


def _families(given: str) -> Mapping[str, str]:
    from presage.errors import WrongInput
    from presage.reading import read_text
    from presage.surrogate.evaluation.families import FAMILIES

    if given == "shipped":
        return FAMILIES
    path = Path(given)
    try:
        found: object = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as problem:
        raise WrongInput(
            f"The `--families` of `presage evaluate` must be a JSON file. Got {path}: {problem}."
        ) from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise WrongInput(f"The `--families` of `presage evaluate` must map dataset names to names. Got {path}.")
    return found
