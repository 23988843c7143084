"""`presage demo`: the whole job on scikit-learn's hand-written digits, told step by step."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from presage.arguments import Arguments
from presage.commands.search import final_of, search_options, settings_of, summary
from presage.console import session_of
from presage.folders import check_folder
from presage.recipes import add_recipe_options, recipe_of
from presage.side_by_side import told_place


def arguments(parser: Arguments) -> None:
    search_options(parser, Path("runs/demo"), compare_random=10)
    # so that it is done in two minutes on two cores, and because digits is easy: the best of ten large random networks
    # is as good as any, whereas of small ones, for a microcontroller, few are any good
    parser.set_defaults(max_macs=100_000, max_params=10_000, final=0)
    add_recipe_options(parser)


def run(options: argparse.Namespace) -> int:
    from presage.steps.spaces import space_of
    from presage.training.executors import side_by_side
    from presage.training.resolving import resolved

    def say(text: str) -> None:
        if not options.json:
            print(text, flush=True)

    recipe, settings, space = recipe_of(options), settings_of(options), space_of(options.space, None, options.run)
    check_folder(options.run, "--run", "presage demo")
    options.run.mkdir(parents=True, exist_ok=True)
    if options.database is None:  # the demo leaves the user's own database as it is
        options.database = options.run / "experience.duckdb"
    at_once = side_by_side(options.workers, options.device, options.run / ".workers", owner="presage demo")
    with session_of(options) as session, at_once as beside:
        told_place(beside.words, options)
        session.check_database()
        dataset = session.dataset("digits")
        recipe = resolved(recipe, dataset)
        with session.open() as database:
            info = database.info()
        trained_on = sum(1 for known in info.datasets if known.finished or known.failed)
        say(f"1. Experience: {info.rows['experiments']:,} trained networks on {trained_on} datasets.")
        say(f"2. Probe: how hard is {dataset.name} ({len(dataset.y_train):,} training images)?")
        say(session.card(dataset, options.run))
        say(f"3. Recall: {session.recall(dataset)}")
        limits = " and ".join(f"{most:,} {name.replace('_', ' ')}" for name, most in settings.limits.set.items())
        say(f"4. Search on predictions, train the short-list and, to compare, random networks, of at most {limits}:")
        result = session.search(
            dataset, space=space, recipe=recipe, settings=settings, run_folder=options.run,
            final=final_of(options, dataset), beside=beside, options=options.as_toml(),
        )  # fmt: skip
    say("")
    print(json.dumps(result.to_json()) if options.json else summary(result))
    return 0 if result.best is not None else 1
