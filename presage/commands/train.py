"""`presage train DATASET ARCH...`: full training; every result enters the database."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from presage.arguments import Arguments
from presage.console import add_architectures, add_dataset, dataset_of, notice, print_notes, session_of
from presage.output import clock, duration, table
from presage.places import path_argument
from presage.recipes import add_recipe_options, recipe_of
from presage.side_by_side import AUTO, add_workers, told_place, told_workers
from presage.steps.at_once import AtOnce
from presage.tracking import add_log, trackers_asked
from presage.training.worker_sites import Here, worker_site


def arguments(parser: Arguments) -> None:
    add_dataset(parser)
    add_architectures(parser)
    group = parser.add_argument_group("model")
    group.add_argument(
        "--out", type=path_argument, default=Path("models"), metavar="DIR",
        help="each trained network is left there as a folder: weights, exported program, how to use (default: models)",
    )  # fmt: skip
    group.add_argument("--onnx", action="store_true", help="an ONNX file too (needs: pip install 'presage[onnx]')")
    add_workers(parser, "of several networks, those trained")
    add_recipe_options(parser)
    add_log(parser)
    parser.add_argument(
        "--early-stop", action="store_true",
        help="stop networks whose learning curves, extrapolated, leave them less than 2 %% chance to be the best",
    )  # fmt: skip
    parser.add_argument(
        "--budget", type=duration, metavar="TIME",
        help="train for as many epochs as fit, as in 90s, 10m or 1h30m (at most four times the recipe's)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    from presage.architectures import read_networks
    from presage.at_images import at_images
    from presage.steps.training_time import recipe_within

    began, trackers = time.monotonic(), trackers_asked(options)
    with session_of(options) as session:
        recipe = recipe_of(options, session.stored_recipe)
        networks = read_networks(options.architectures)
        session.check_database()
        dataset = dataset_of(session, options)
        asked = at_images(networks, dataset, recipe, session.progress)
        recipe = asked.recipe
        if options.budget is not None:
            spent = time.monotonic() - began
            fitted = recipe_within(options.budget, spent, dataset, asked.networks, recipe, options.device)
            recipe = fitted.recipe
            notice(f"{recipe.epochs} epochs, about {clock(fitted.seconds)} of {clock(options.budget)}.", options)
        rows = session.train(
            dataset, asked.networks, recipe, out=options.out, onnx=options.onnx,
            at_once=_at_once(options, len(asked.networks)), trackers=trackers, early_stop=options.early_stop,
        )  # fmt: skip
    stopping = rows.early_stopping
    if options.json:
        print(
            json.dumps(
                {
                    "dataset": dataset.name,
                    "recipe": recipe.to_json(),
                    "recipe_words": rows.recipe_words,
                    "trained": [asdict(row) for row in rows],
                    "refused": [asdict(one) for one in asked.refused],
                    **({} if stopping is None else {"early_stopping": stopping.to_json()}),
                }
            )
        )
    else:
        lines = [rows.cells(row) for row in rows]
        lines += [(one.name, "refused", "", "", "", "") for one in asked.refused]
        print(f"Recipe: {rows.recipe_words}.")
        print(table(rows.header, lines))
        print_notes(rows, asked.refused)
        if stopping is not None:
            print(stopping.words)
        for row in rows:
            if row.model is not None:
                print(f"{row.name}: presage classify {row.model} IMAGE...")
    return 0 if all(row.accuracy is not None or row.stopped for row in rows) and not asked.refused else 1


def _at_once(options: argparse.Namespace, networks: int) -> AtOnce:
    """Side by side as asked for; a budget was divided among trainings one after the other."""
    is_here = isinstance(worker_site(options.workers, "presage train"), Here)
    if is_here and (networks < 2 or (options.budget is not None and options.workers == AUTO)):
        return AtOnce()
    told_workers(options, "presage train", networks)
    return AtOnce(options.workers, tell=lambda words: told_place(words, options))
