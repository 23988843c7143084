"""`presage grow NETWORK DATASET`: a small network grown by network morphisms, beside random networks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from presage.arguments import Arguments
from presage.console import add_dataset, dataset_of, session_of
from presage.display import scaled
from presage.network_names import FORMS
from presage.output import positive
from presage.places import path_argument
from presage.recipes import add_recipe_options, recipe_of
from presage.search.climbing.settings import CHILD_EPOCHS, HILL_CLIMB, MORPHISMS, NEIGHBOURS, STEPS, STRATEGIES
from presage.terminal import one_line


def arguments(parser: Arguments) -> None:
    parser.add_argument("network", metavar="NETWORK", help=f"the small network that is grown: {FORMS}")
    add_dataset(parser)
    group = parser.add_argument_group("limits", "No child is over one.")
    group.add_argument("--max-params", type=positive, metavar="N", help="parameters, e.g. 500k")
    group.add_argument("--max-macs", type=positive, metavar="N", help="multiply-adds of an image, e.g. 20M")
    group = parser.add_argument_group("growing")
    group.add_argument(
        "--strategy", default=HILL_CLIMB, metavar="NAME",
        help="; ".join(f"{name}: {what}" for name, what in STRATEGIES.items()) + " (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--steps", type=positive, default=STEPS, metavar="N",
        help="how often there are children (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--neighbours", type=positive, default=NEIGHBOURS, metavar="N",
        help="children of a step of hill climbing, the parent itself, trained on, among them (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--morphisms", type=positive, default=MORPHISMS, metavar="N",
        help="morphisms that make a child of its parent (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--child-epochs", type=positive, default=CHILD_EPOCHS, metavar="N",
        help="of a child's training, from the weights that it inherits (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--skip-random", action="store_true",
        help="do not train random networks, for as many epochs in all, to compare with",
    )  # fmt: skip
    group.add_argument(
        "--run", type=path_argument, default=Path("runs/grow"), metavar="DIR",
        help="run folder (default: %(default)s)",
    )  # fmt: skip
    group = parser.add_argument_group(
        "gallery", "The most accurate network within a budget is left in DIR/picked, of a run that has ended, too."
    )
    group.add_argument("--pick-params", type=positive, metavar="N", help="parameters at most, e.g. 50k")
    group.add_argument("--pick-macs", type=positive, metavar="N", help="multiply-adds of an image at most, e.g. 2M")
    add_recipe_options(parser)


def run(options: argparse.Namespace) -> int:
    from presage.architectures import one_network
    from presage.at_images import at_images
    from presage.search import Limits
    from presage.search.climbing.settings import ClimbSettings
    from presage.steps.growing import check_pick, pick

    settings = ClimbSettings(
        options.strategy,
        options.steps,
        options.neighbours,
        options.morphisms,
        options.child_epochs,
        not options.skip_random,
    )
    limits, budget = Limits(options.max_params, options.max_macs), Limits(options.pick_params, options.pick_macs)
    with session_of(options) as session:
        recipe = recipe_of(options, session.stored_recipe)
        network = one_network(options.network, "NETWORK", "presage grow")
        session.check_database()
        dataset = dataset_of(session, options)
        asked = at_images([network], dataset, recipe, session.progress)
        check_pick(asked.networks[0], budget, dataset, asked.recipe)
        result = session.grow(asked.networks[0], dataset, asked.recipe, settings, limits, options.run)
    picked = pick(result, budget) if budget.set else None
    if options.json:
        print(json.dumps(result.to_json() | ({} if picked is None else {"picked": picked.to_json()})))
    else:
        print(result.text())
        if result.best is not None:
            print("\n" + one_line(f"The best: {options.run / 'best'}"))
        if picked is not None:
            told = f"{picked.role} {picked.name}, {scaled(picked.multiply_adds)} multiply-adds"
            print(one_line(f"Within the budget: {told}: {options.run / 'picked'}"))
    return 0 if result.best is not None else 1
