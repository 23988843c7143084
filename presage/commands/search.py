"""`presage search DATASET`: search on predictions, train only the short-list."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.architecture.spaces.registry import SPACES
from presage.arguments import Arguments
from presage.commands.dashboard import add_port
from presage.comparison import comparison
from presage.console import add_dataset, add_predictor, dataset_of, session_of
from presage.errors import UnknownName
from presage.folders import check_folder
from presage.output import (
    accuracies,
    at_least_zero,
    clock,
    duration,
    extrapolates,
    milliseconds,
    positive,
    reaching,
    scaled,
    table,
)
from presage.places import path_argument
from presage.recipes import AUTO, add_recipe_options, chosen_recipe, final_recipe, recipe_given, recipe_of
from presage.registry import either
from presage.search.settings import FULL
from presage.search.strategies import SAMPLERS, STRATEGIES, SUPERNET_STRATEGIES, serving_several
from presage.search.studies.objectives import DIRECTIONS
from presage.search.studies.scores import PROXY
from presage.side_by_side import add_workers, told_place
from presage.speakable import named
from presage.surrogate.predictors.registry import PREDICTORS
from presage.surrogate.proxies.registry import PROXIES
from presage.terminal import one_line
from presage.tracking import add_log, trackers_asked

if TYPE_CHECKING:
    from presage.search import FinalSettings, SearchResult, SearchSettings, Verified
    from presage.search.final_result import FinalResult
    from presage.search.planning.plan import Plan
    from presage.steps.budgeting import TimeWish
    from presage.training import ImageDataset

STAGED = 27
"""Networks short-listed where few are trained to their end."""


def arguments(parser: Arguments) -> None:
    add_dataset(parser)
    search_options(parser, Path("runs/search"))
    add_recipe_options(parser)
    parser.add_argument(
        "--budget", type=duration, metavar="TIME",
        help="spend so much time, as in 90s, 10m or 1h30m: candidates, short-list, sizes and final training are "
        "chosen to fit this machine; what you give yourself stays",
    )  # fmt: skip
    parser.add_argument(
        "--serve", action="store_true",
        help="show the search while it runs on a page for this machine's browsers alone, as `presage dashboard` does",
    )  # fmt: skip
    add_port(parser)
    add_log(parser)
    parser.explain("spaces", SPACES.summaries())
    parser.explain("strategies", STRATEGIES.summaries())
    parser.explain("predictors", PREDICTORS.summaries())
    parser.explain(f"zero-cost proxies, for `--score {PROXY}NAME`", PROXIES.summaries())


def search_options(parser: Arguments, run: Path, compare_random: int = 0) -> None:
    """The options of a search; the demo has them too."""
    group = parser.add_argument_group("search")
    group.add_argument(
        "--space", default="auto", metavar="SPACE",
        help=f"{SPACES.listed()}; arguments as in nb201:cells=5 (default: auto: stages with --budget, else chain)",
    )  # fmt: skip
    group.add_argument(
        "--strategy", default="evolution", metavar="NAME",
        help=f"{SAMPLERS.listed('evolution')}; on a super-net trained here: {', '.join(SUPERNET_STRATEGIES)}",
    )  # fmt: skip
    group.add_argument(
        "--candidates",
        type=positive,
        metavar="N",
        help="scored, each round (default: 2000; 100 where a super-net scores)",
    )
    group.add_argument(
        "--shortlist", type=positive, metavar="N", help=f"trained, each round (default: 5; {STAGED} with --verify)"
    )
    group.add_argument(
        "--rounds", type=positive, default=1, metavar="N", help="search again with what was trained told (default: 1)"
    )
    group.add_argument("--max-params", type=positive, metavar="N", help="hard limit on parameters, e.g. 50k")
    group.add_argument(
        "--max-macs", type=positive, metavar="N", help="hard limit on multiply-adds of an image, e.g. 2M"
    )
    group.add_argument(
        "--max-memory", type=positive, metavar="BYTES", help="hard limit on activation bytes of an image"
    )
    group.add_argument(
        "--max-latency", type=milliseconds, metavar="MS",
        help="hard limit on milliseconds of a forward pass here: estimated for all, measured for the short-list",
    )  # fmt: skip
    group.add_argument(
        "--latency-batch", type=positive, default=1, metavar="N", help="images in that forward pass (default: 1)"
    )
    group.add_argument(
        "--objectives", default="accuracy", metavar="A,B",
        help=f"accuracy (default), and beside it any of {', '.join(list(DIRECTIONS)[1:])}; several with "
        f"{either(serving_several())}",
    )  # fmt: skip
    group.add_argument(
        "--score", default="predicted", metavar="NAME",
        help="what stands for accuracy until networks are trained: predicted (default), ucb, proxy:NAME (zero-cost), "
        "supernet (shared weights, trained here), table:nasbench201 or table:FILE (CSV or Parquet, docs/limits.md)",
    )  # fmt: skip
    group.add_argument(
        "--supernet-epochs", type=positive, metavar="N", help="epochs of the super-net (default: its method's own)"
    )
    group.add_argument(
        "--compare-random", type=at_least_zero, default=compare_random, metavar="N",
        help="also train N random networks of the space (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--prune", action="store_true",
        help="stop short-listed networks that lag behind the median of the others, half-way (only with "
        "--compare-random 0)",
    )  # fmt: skip
    group.add_argument(
        "--early-stop", action="store_true",
        help="stop short-listed networks whose learning curves, extrapolated, leave them less than 2 %% chance to be "
        "the best, or among the N of --final (only with --compare-random 0)",
    )  # fmt: skip
    group.add_argument(
        "--verify", default=FULL, metavar="NAME",
        help="full (default); asha or hyperband: train many short-listed networks briefly, and let the good go on from "
        "where they stood, few to the end (only with --compare-random 0 and without --budget)",
    )  # fmt: skip
    group.add_argument(
        "--final", type=at_least_zero, default=1, metavar="N",
        help="train the N best of the short-list by the final recipe, to be used (default: %(default)s; 0: none)",
    )  # fmt: skip
    group.add_argument(
        "--final-recipe", default=AUTO, metavar="NAME|FILE",
        help="quick, standard or thorough, on all images; or a JSON file of fields (default: auto: the budget chooses, "
        "standard without one)",
    )  # fmt: skip
    group.add_argument(
        "--no-tune", action="store_true", help="leave learning rate and weight decay as the final recipe has them"
    )
    group.add_argument(
        "--no-average", action="store_true",
        help="of several final trainings leave the best, never the mean of them as one network",
    )  # fmt: skip
    add_workers(group, "networks trained")
    add_predictor(group)
    group.add_argument(
        "--run", type=path_argument, default=run, metavar="DIR", help="run folder (default: %(default)s)"
    )


def settings_of(options: argparse.Namespace) -> SearchSettings:
    """The settings that the options ask for."""
    from presage.search import Limits, SearchSettings
    from presage.search.strategies import default_candidates
    from presage.search.studies.scores import get_score

    try:
        get_score(options.score)
    except UnknownName as error:  # a table's values are for callers of presage.search.run_search alone
        raise UnknownName(error.kind, error.name, [name for name in error.known if name != "table"]) from None
    shortlist = options.shortlist or (SearchSettings().shortlist if options.verify == FULL else STAGED)
    return SearchSettings(
        strategy=options.strategy,
        candidates=options.candidates or default_candidates(options.strategy, options.score, shortlist),
        shortlist=shortlist,
        rounds=options.rounds,
        limits=Limits(
            options.max_params,
            options.max_macs,
            options.max_memory,
            None if options.max_latency is None else options.max_latency / 1000,
        ),
        objectives=tuple(options.objectives.split(",")),
        compare_random=options.compare_random,
        prune=options.prune,
        verify=options.verify,
        early_stop=max(options.final, 1) if options.early_stop else 0,
        seed=options.seed,
        score=options.score,
        latency_batch=options.latency_batch,
        supernet_epochs=options.supernet_epochs,
    )


def final_of(options: argparse.Namespace, dataset: ImageDataset) -> FinalSettings | None:
    """The final training that the options ask for; None where they want none."""
    from presage.search import FinalSettings
    from presage.search.final.settings import TRIALS

    if not options.final:
        return None
    recipe = chosen_recipe(options.final_recipe, "--final-recipe", f"{options.command}")
    trials = 0 if options.no_tune else TRIALS
    mirror = options.flip is None and isinstance(recipe, str)
    last = final_recipe(recipe, dataset, flip=bool(options.flip))
    return FinalSettings(last, options.final, trials, mirror=mirror, average=not options.no_average)


def _wish(options: argparse.Namespace, plans: list[Plan]) -> TimeWish | None:
    """The budget, or only the wish to be told; the plan is noted in `plans` and shown on stderr."""
    from presage.steps.budgeting import TimeWish

    def tell(plan: Plan) -> None:
        plans.append(plan)
        if not options.quiet:
            if len(plans) > 1:
                print("Now that the dataset is probed:", file=sys.stderr)
            print(plan_text(plan), file=sys.stderr, flush=True)

    if options.budget is None and options.quiet:
        return None
    given = {
        "candidates": options.candidates, "shortlist": options.shortlist, "trials": options.no_tune,
        "recipe": recipe_given(options), "final_recipe": options.final_recipe != AUTO,
    }  # fmt: skip
    return TimeWish(options.budget, frozenset(name for name, value in given.items() if value), tell)


def _kept_plan(options: argparse.Namespace) -> Any:
    """The plan that a search for a budget kept to: not told again where it changed by little only."""
    from presage.files import read_json
    from presage.steps.budgeting import PLAN

    return None if options.budget is None else read_json(options.run / PLAN)


def plan_text(plan: Plan) -> str:
    """What will be done, and how long each part takes."""
    rows = [(part.name, part.what, clock(part.seconds)) for part in plan.parts]
    budget = "" if plan.budget is None else f" of {clock(plan.budget)}"
    return table(("part", "what", "time"), [*rows, ("in all", "", clock(plan.seconds) + budget)])


def run(options: argparse.Namespace) -> int:
    from presage.steps.spaces import space_of
    from presage.training.executors import side_by_side
    from presage.training.resolving import resolved

    settings, space = settings_of(options), space_of(options.space, options.budget, options.run)
    chosen_recipe(options.final_recipe, "--final-recipe", "search")
    plans: list[Plan] = []
    trackers = trackers_asked(options)
    check_folder(options.run, "--run", "presage search")
    at_once = side_by_side(options.workers, options.device, options.run / ".workers")
    with session_of(options) as session, at_once as beside, _served(options):
        told_place(beside.words, options)
        recipe = recipe_of(options, session.stored_recipe)
        session.check_database()
        dataset = dataset_of(session, options)
        recipe = resolved(recipe, dataset)
        result = session.search(
            dataset, space=space, recipe=recipe, settings=settings, run_folder=options.run,
            final=final_of(options, dataset), wish=_wish(options, plans), beside=beside, options=options.as_toml(),
            trackers=trackers,
        )  # fmt: skip
    if options.json:
        print(
            json.dumps({**result.to_json(), **({"plan": _kept_plan(options) or plans[-1].to_json()} if plans else {})})
        )
    else:
        print(summary(result))
    return 0 if result.best is not None else 1


@contextmanager
def _served(options: argparse.Namespace) -> Iterator[None]:
    """The page of the run, where it was asked for."""
    from presage.dashboard.server import serving

    if not options.serve:
        yield
        return
    with serving(options.run, options.port, linger=True) as address:
        print(f"presage: {address} shows the search while it runs.", file=sys.stderr, flush=True)
        yield


def summary(result: SearchResult) -> str:
    """A search for people: predicted beside trained accuracy."""
    columns = ["network", "predicted", "interval", "extrapolates", "trained", "test"]
    columns += ["parameters", "multiply-adds", "seconds"]
    rows = sorted(result.verified, key=lambda one: -(one.accuracy or 0.0))
    cells = [_row(one) for one in rows]
    if result.latency is not None:
        columns += ["ms estimated", "ms measured"]
        cells = [(*row, *_latency(one)) for row, one in zip(cells, rows, strict=True)]
    if result.settings.get("score", "predicted") not in ("predicted", "ucb"):
        columns[1] = result.settings["score"]
        cells = [(row[0], _number(one.chosen.score), *row[2:]) for row, one in zip(cells, rows, strict=True)]
    lines = [
        f"{sum(one.candidates for one in result.rounds):,} candidates of {result.space} by {result.strategy}, scored "
        f"by {result.score}; {sum(one.accuracy is not None for one in result.verified)} of {len(result.verified)} "
        "short-listed trained to the end:",
        *([f"Recipe: {result.recipe_words}."] if result.recipe_words else []),
        "",
        table(tuple(columns), cells),
    ]
    reached = reaching(one.extrapolation for one in result.rounds)
    lines += ["", f"How far predictions of all candidates reach beyond experience: {reached}."] if reached else []
    lines += ["", *map(one_line, result.notes)] if result.notes else []
    stopping = None if result.early_stopping is None else result.early_stopping.words
    lines += [line for text in (result.latency, result.supernet, stopping) if text is not None for line in ("", text)]
    compared = comparison([one.accuracy for one in result.verified], [one.accuracy for one in result.baseline])
    lines += ["", *compared] if compared else []
    lines += _final(result.final) if result.final is not None else []
    if result.best is not None:
        lines += ["", one_line(f"Best network: {result.folder / 'best'}   Report: {result.folder / 'report.html'}")]
    return "\n".join(lines)


def _final(final: FinalResult) -> list[str]:
    """The final trainings, beside what the same networks had by the search's recipe; both on validation images."""
    header = ("network", "by the search's recipe", "final", "test", "learning rate", "weight decay", "seconds")
    cells = [
        (
            named(one.hash),
            _accuracy(one.search_accuracy),
            accuracies(one.accuracy, one.balanced_accuracy, none=one.status),
            accuracies(one.test_accuracy, one.test_balanced_accuracy),
            f"{one.recipe['learning_rate']:g}",
            f"{one.recipe['weight_decay']:g}",
            f"{one.seconds:.1f}" + (f" + {one.tuning_seconds:.1f} to tune" if one.trials else ""),
        )
        for one in final.trainings
    ]
    if not cells:
        return []
    notes = ["", *final.notes] if final.notes else []
    return ["", f"Final training: {final.recipe_words}.", "", table(header, cells), *notes]


def _accuracy(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _latency(one: Verified) -> tuple[str, str]:
    seconds = (one.chosen.latency_seconds, one.chosen.measured_latency_seconds)
    estimated, measured = ("" if value is None else f"{1000 * value:.2f}" for value in seconds)
    return estimated, measured


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _row(one: Verified) -> tuple[str, ...]:
    chosen = one.chosen
    predicted = chosen.predicted is not None
    return (
        named(chosen.hash),
        f"{chosen.predicted:.3f}" if predicted else "",
        f"{chosen.lower:.3f} to {chosen.upper:.3f}" if predicted else "",
        extrapolates(chosen.extrapolation, chosen.distance),
        accuracies(one.accuracy, one.balanced_accuracy, none=one.status),
        accuracies(one.test_accuracy, one.test_balanced_accuracy),
        scaled(chosen.parameters),
        scaled(chosen.multiply_adds),
        f"{one.seconds:.1f}",
    )
