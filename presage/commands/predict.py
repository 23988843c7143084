"""`presage predict DATASET ARCH...`: train-free accuracy with an interval."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from presage.arguments import Arguments
from presage.console import (
    add_architectures,
    add_dataset,
    add_predictor,
    dataset_of,
    notice,
    print_notes,
    session_of,
)
from presage.output import table
from presage.recipes import add_recipe_options, recipe_of
from presage.surrogate.predictors.registry import PREDICTORS


def arguments(parser: Arguments) -> None:
    add_dataset(parser)
    add_architectures(parser)
    add_predictor(parser)
    add_recipe_options(parser)
    parser.explain("predictors", PREDICTORS.summaries())


def run(options: argparse.Namespace) -> int:
    from presage.architectures import read_networks
    from presage.at_images import at_images

    with session_of(options) as session:
        recipe = recipe_of(options, session.stored_recipe)
        networks = read_networks(options.architectures)
        session.check_database()
        dataset = dataset_of(session, options)
        asked = at_images(networks, dataset, recipe, session.progress)
        rows = session.predict(dataset, asked.networks, asked.recipe)
    learned_from = rows.learned_from
    for line in (*rows.notes, *([] if learned_from is None else [learned_from.words])):
        notice(line, options)
    if options.json:
        answer = {
            "dataset": dataset.name,
            "recipe": asked.recipe.to_json(),
            "recipe_words": rows.recipe_words,
            "notes": rows.notes,
            "learned_from": None if learned_from is None else asdict(learned_from),
        }
        refused = [asdict(one) for one in asked.refused]
        print(json.dumps({**answer, "predictions": [asdict(row) for row in rows], "refused": refused}))
        return 1 if refused else 0
    lines = [rows.cells(row) for row in sorted(rows, key=lambda row: -row.accuracy)]
    lines += [(one.name, "refused", "", "", "", "", "") for one in asked.refused]
    interval = f"{rows[0].level:.0%} interval"
    header = tuple(interval if name == "interval" else name for name in rows.header)
    print(f"Recipe: {rows.recipe_words}.")
    print(table(header, lines))
    print_notes(rows, asked.refused)
    return 1 if asked.refused else 0
