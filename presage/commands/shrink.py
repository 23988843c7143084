"""`presage shrink NETWORK DATASET`: smaller versions of a network, predicted, trained beside a plain one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from presage.arguments import Arguments
from presage.console import add_dataset, add_predictor, dataset_of, session_of
from presage.errors import InvalidArgument
from presage.network_names import FORMS
from presage.output import milliseconds, positive
from presage.places import path_argument
from presage.recipes import add_recipe_options, recipe_given, recipe_of
from presage.steps.shrinking import CANDIDATES, SHORTLIST
from presage.terminal import one_line


def arguments(parser: Arguments) -> None:
    parser.add_argument("network", metavar="NETWORK", help=f"{FORMS}; or the folder of a trained network")
    add_dataset(parser)
    group = parser.add_argument_group("limits", "At least one. Each must be below what the network has.")
    group.add_argument("--max-params", type=positive, metavar="N", help="parameters, e.g. 50k")
    group.add_argument("--max-macs", type=positive, metavar="N", help="multiply-adds of an image, e.g. 2M")
    group.add_argument(
        "--max-latency", type=milliseconds, metavar="MS",
        help="milliseconds of a forward pass of one image here: estimated for all, measured for what is trained",
    )  # fmt: skip
    group = parser.add_argument_group("shrinking")
    group.add_argument(
        "--candidates", type=positive, default=CANDIDATES, metavar="N",
        help="smaller versions that are predicted (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--shortlist", type=positive, default=SHORTLIST, metavar="N",
        help="of these, trained: the best predicted, and one by Fisher potential (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--skip-original", action="store_true", help="do not train the network itself, to tell what shrinking costs"
    )
    group.add_argument(
        "--sparse", action="store_true",
        help="also train the network with most of its weights zero, by magnitude, as a lottery ticket and by SNIP: as "
        "many parameters are left as the plain version has",
    )  # fmt: skip
    add_predictor(group)
    group.add_argument(
        "--run",
        type=path_argument,
        default=Path("runs/shrink"),
        metavar="DIR",
        help="run folder (default: %(default)s)",
    )
    add_recipe_options(parser)


def run(options: argparse.Namespace) -> int:
    from presage.architectures import NamedNetwork, one_network
    from presage.at_images import at_images
    from presage.search import Limits
    from presage.steps.shrinking import ShrinkSettings
    from presage.training.model.folder import load_model

    if options.max_params is options.max_macs is options.max_latency is None:
        raise InvalidArgument("--max-params", "presage shrink", "be given, or --max-macs, or --max-latency", "neither")
    most = None if options.max_latency is None else options.max_latency / 1000
    limits = Limits(options.max_params, options.max_macs, latency_seconds=most)
    settings = ShrinkSettings(limits, options.candidates, options.shortlist, not options.skip_original, options.sparse)
    with session_of(options) as session:
        recipe, model = recipe_of(options, session.stored_recipe), None
        if Path(options.network).is_dir():
            model = load_model(options.network)
            network = NamedNetwork(Path(options.network).name, model.architecture)
            recipe = model.recipe if model.recipe is not None and not recipe_given(options) else recipe
        else:
            network = one_network(options.network, "NETWORK", "presage shrink")
        session.check_database()
        dataset = dataset_of(session, options)
        asked = at_images([network], dataset, recipe, session.progress)
        result = session.shrink(asked.networks[0], dataset, asked.recipe, settings, options.run, model)
    if options.json:
        print(json.dumps(result.to_json()))
    else:
        print(result.text())
        if result.best is not None:
            print("\n" + one_line(f"The best smaller version: {options.run / 'best'}"))
    return 0 if result.best is not None else 1
