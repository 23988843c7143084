"""`presage text probe|search|train`: recurrent cells on a text of one's own."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.architecture.recurrent.registry import CELL_SPACES, get_cell_space
from presage.arguments import Action, Arguments
from presage.console import session_of
from presage.errors import UnknownName
from presage.output import at_least_zero, positive, table
from presage.places import path_argument
from presage.steps.brief_store import BriefStore

if TYPE_CHECKING:
    from presage.steps.text_training import TrainedCell
    from presage.training.text.recipe import TextRecipe

_SHOWN = 10
_CELL = "lstm, gru, rnn, enas, darts_v1, darts_v2, or a JSON file of a cell"


def _probe_arguments(parser: Arguments) -> None:
    parser.add_argument("text", metavar="TEXT", help="a text in UTF-8: FILE, or text:FILE")
    parser.add_argument(
        "--words", type=at_least_zero, default=0, metavar="N",
        help="predict words, of a vocabulary of the N most frequent (default: characters)",
    )  # fmt: skip


def _probe(options: argparse.Namespace) -> int:
    from presage.steps.text_training import probe_text
    from presage.training.text.text_data import load_text

    data = load_text(options.text, options.words)
    with session_of(options) as session:
        session.check_database()
        store = BriefStore(session.open).add_text_experiments
        found = probe_text(store, data, seed=session.seed, device=session.device, progress=session.progress)
    if options.json:
        print(json.dumps(asdict(found)))
        return 0
    kind = "words" if data.words else "characters"
    rows = [
        ("difficulty (DCN, the higher the easier)", f"{found.dcn:.3f}"),
        (f"{found.metric.replace('_', ' ')} of the probe", f"{found.value:.3f}"),
        ("bits a symbol, each by itself", f"{found.unigram_entropy:.3f}"),
        ("bits a symbol, by the one before it", f"{found.bigram_entropy:.3f}"),
        (f"{kind}, and different ones", f"{found.length:,}, {found.symbols:,}"),
    ]
    print(table((data.name, ""), rows))
    return 0


def _text_arguments(parser: Arguments) -> None:
    _probe_arguments(parser)
    group = parser.add_argument_group("recipe", "How cells are trained; all by the same, at equal size.")
    group.add_argument("--recipe", metavar="FILE", type=path_argument, help="a JSON file of fields")
    group.add_argument("--epochs", type=positive, metavar="E", help="passes over the training text")
    group.add_argument("--parameters", type=positive, metavar="N", help="learned numbers of the whole network at most")
    group.add_argument("--hidden", type=positive, metavar="N", help="numbers of the state, in place of --parameters")
    group.add_argument(
        "--set", action="append", default=[], dest="fields", metavar="FIELD=VALUE",
        help="any other field of the recipe, such as sequence_length=35 or tied=true; may be repeated",
    )  # fmt: skip


def _train_arguments(parser: Arguments) -> None:
    _text_arguments(parser)
    parser.add_argument(
        "--out", type=path_argument, default=Path("models"), metavar="DIR",
        help="each trained network is left there as a folder (default: models)",
    )  # fmt: skip
    parser.add_argument("--cell", action="append", metavar="CELL", help=f"{_CELL}; may be repeated (default: darts_v2)")


def _train(options: argparse.Namespace) -> int:
    from presage.architecture.recurrent.registry import get_cell
    from presage.steps.text_training import train_cells
    from presage.training.text.text_data import load_text

    recipe = _recipe_of(options)
    cells = {name: get_cell(name) for name in options.cell or ["darts_v2"]}
    data = load_text(options.text, options.words)
    with session_of(options) as session:
        session.check_database()
        rows = train_cells(
            BriefStore(session.open).add_text_experiments, data, cells, recipe,
            seed=session.seed, device=session.device, out=options.out, progress=session.progress,
        )  # fmt: skip
    if options.json:
        print(json.dumps({"text": data.name, "recipe": recipe.to_json(), "trained": [asdict(row) for row in rows]}))
    else:
        _print(rows)
    return 0 if all(row.value is not None for row in rows) else 1


def _search_arguments(parser: Arguments) -> None:
    _text_arguments(parser)
    group = parser.add_argument_group("search")
    group.add_argument(
        "--space", default="rnn_darts", metavar="SPACE",
        help=f"{CELL_SPACES.listed('rnn_darts')}; arguments as in rnn_enas:nodes=6",
    )  # fmt: skip
    group.add_argument(
        "--strategy", default="evolution", metavar="NAME",
        help="random, evolution (default), bayes, reinforce, local or tpe: every candidate is trained; enas, "
        "darts-first or darts-second: shared weights propose those that are",
    )  # fmt: skip
    group.add_argument("--candidates", type=positive, default=20, metavar="N", help="cells trained (default: 20)")
    group.add_argument(
        "--run", type=path_argument, default=Path("runs/cells"), metavar="DIR",
        help="run folder: study, result, and the best network in best/; resumable (default: runs/cells)",
    )  # fmt: skip
    parser.explain("spaces", CELL_SPACES.summaries())


def _search(options: argparse.Namespace) -> int:
    from presage.speakable import named
    from presage.steps.text_training import search_cells
    from presage.training.text.text_data import load_text

    recipe, space = _recipe_of(options), get_cell_space(options.space)
    data = load_text(options.text, options.words)
    with session_of(options) as session:
        session.check_database()
        found = search_cells(
            BriefStore(session.open).add_text_experiments, data, space, recipe, strategy=options.strategy,
            candidates=options.candidates, seed=session.seed, device=session.device, run_folder=options.run,
            progress=session.progress,
        )  # fmt: skip
    if options.json:
        rows = [asdict(one) for one in found]
        print(json.dumps({"text": data.name, "metric": data.metric, "run": str(options.run), "found": rows}))
    elif found:
        header = ("cell", data.metric.replace("_", " "), "test", "parameters", "seconds")
        lines = [
            (named(one.cell), f"{one.value:.3f}", f"{one.test_value:.3f}", f"{one.parameters:,}", f"{one.seconds:.1f}")
            for one in found[:_SHOWN]
        ]
        print(table(header, lines))
        print(f"{len(found)} cells trained: {options.run / 'report.html'}")
        print(f"The best: presage generate {options.run / 'best'}")
    return 0 if found else 1


def _print(rows: Sequence[TrainedCell]) -> None:
    metric = rows[0].metric.replace("_", " ")
    header = ("cell", f"{metric}", "test", "parameters", "hidden", "seconds")
    lines = [
        (row.name, row.status, "", "", "", "")
        if row.value is None or row.test_value is None
        else (
            row.name,
            f"{row.value:.3f}",
            f"{row.test_value:.3f}",
            f"{row.parameters:,}",
            f"{row.hidden}",
            f"{row.seconds:.1f}",
        )
        for row in rows
    ]
    print(table(header, lines))
    for row in rows:
        if row.model is not None:
            print(f"{row.name}: presage generate {row.model}")


def _recipe_of(options: argparse.Namespace) -> TextRecipe:
    """The recipe of the file, with the options and fields that were given; later ones count."""
    from presage.errors import InvalidArgument
    from presage.reading import read_json
    from presage.training.text.recipe import TextRecipe

    given: dict[str, Any] = {}
    if options.recipe is not None:
        value = read_json(options.recipe)
        if not isinstance(value, dict):
            raise InvalidArgument("--recipe", "presage text", "be a JSON file of fields", str(options.recipe))
        given = value
    for name in ("epochs", "parameters", "hidden"):
        if getattr(options, name) is not None:
            given[name] = getattr(options, name)
    if options.hidden is not None and options.parameters is None:
        given["parameters"] = None
    known = {field.name for field in fields(TextRecipe)}
    for text in options.fields:
        name, equals, value = text.partition("=")
        if name not in known:
            raise UnknownName("field of `TextRecipe`", name, known)
        try:
            given[name] = json.loads(value) if equals else None
        except ValueError:
            given[name] = value
    return TextRecipe.from_json(given)


ACTIONS = {
    "probe": Action(
        "how difficult a text is", "Difficulty of a text: a small GRU's curve as one number.", _probe, _probe_arguments
    ),
    "search": Action(
        "search a space of cells", "Search recurrent cells on a text; resumable.", _search, _search_arguments
    ),
    "train": Action(
        "train cells", "Train recurrent cells on a text; each network is left as a folder.", _train, _train_arguments
    ),
}
"""Name → action of `presage text`."""
