"""`presage text predict|probe|search|train`: recurrent cells on a text of one's own."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.architecture.recurrent.registry import CELL_SPACES, get_cell_space
from presage.arguments import Action, Arguments
from presage.console import session_of
from presage.errors import UnknownName
from presage.output import at_least_zero, beside, positive, table
from presage.places import path_argument
from presage.speakable import named
from presage.steps.brief_store import BriefStore

if TYPE_CHECKING:
    from presage.steps.cell_search import SearchedCells
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


def _predict_arguments(parser: Arguments) -> None:
    _probe_arguments(parser)
    parser.add_argument("--cell", action="append", metavar="CELL", help=f"{_CELL}; may be repeated (default: all six)")


def _predict(options: argparse.Namespace) -> int:
    from presage.architecture.recurrent.published import PUBLISHED
    from presage.architecture.recurrent.registry import get_cell
    from presage.steps.cell_search import predict_cells
    from presage.training.text.text_data import load_text

    cells = {name: get_cell(name) for name in options.cell or PUBLISHED}
    data = load_text(options.text, options.words)
    with session_of(options) as session:
        session.check_database()
        found = predict_cells(
            BriefStore(session.open).add_text_experiments, session.open_to_read, data, cells,
            seed=session.seed, device=session.device, progress=session.progress,
        )  # fmt: skip
    if options.json:
        print(json.dumps({"text": data.name, "predictor": found.predictor, "probe": asdict(found.probe),
                          "predicted": [asdict(row) for row in found.cells]}))  # fmt: skip
        return 0
    metric = found.probe.metric.replace("_", " ")
    header = ("cell", "predicted beside a GRU", "90 % interval", "diverges", f"{metric} by the probe's recipe")
    rows = []
    for row in sorted(found.cells, key=lambda row: row.relative):
        told = (beside(row.relative), beside(row.lower, row.upper), f"{row.diverges:.0%}", f"{row.value:.3f}")
        rows.append((row.name, *told))
    print(table(header, rows))
    print(_of_predictor(found.predictor))
    return 0


def _of_predictor(told: Mapping[str, float | None]) -> str:
    tau = "" if told["tau"] is None else f", of which each left out was told in order by τ {told['tau']:.2f}"
    return f"Predicted from {told['trainings']} trainings on {told['texts']} other texts{tau}; the lower the better."


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
        "--space", metavar="SPACE",
        help=f"{CELL_SPACES.listed('rnn_tree')}; on shared weights the default is rnn_darts; arguments as in "
        "rnn_enas:nodes=6",
    )  # fmt: skip
    group.add_argument(
        "--strategy", metavar="NAME",
        help="random (default by prediction), evolution (default by training), bayes, reinforce, local or tpe; or, on "
        "shared weights that propose what is trained, enas, darts-first or darts-second",
    )  # fmt: skip
    group.add_argument(
        "--score", metavar="SCORE",
        help="what the strategy is told of a candidate: predicted (default, but for shared weights), or trained",
    )  # fmt: skip
    group.add_argument(
        "--candidates", type=positive, metavar="N",
        help="cells scored (default: 60 by prediction; 20 by training)",
    )  # fmt: skip
    group.add_argument(
        "--shortlist", type=positive, metavar="N", help="cells trained, the best of the predicted (default: 8)"
    )
    group.add_argument(
        "--run", type=path_argument, default=Path("runs/cells"), metavar="DIR",
        help="run folder: study, result, and the best network in best/; resumable (default: runs/cells)",
    )  # fmt: skip
    parser.explain("spaces", CELL_SPACES.summaries())


def _search(options: argparse.Namespace) -> int:
    from presage.steps.cell_search import HowSearched, search_cells
    from presage.training.text.text_data import load_text

    how = HowSearched(options.strategy, options.score, options.candidates, options.shortlist)
    recipe, space = _recipe_of(options), get_cell_space(options.space or how.usual_space)
    data = load_text(options.text, options.words)
    with session_of(options) as session:
        session.check_database()
        searched = search_cells(
            BriefStore(session.open).add_text_experiments, session.open_to_read, data, space, recipe, how,
            seed=session.seed, device=session.device, run_folder=options.run, progress=session.progress,
        )  # fmt: skip
    found = searched.found
    if options.json:
        told = {"text": data.name, "metric": data.metric, "run": str(options.run), "predictor": searched.predictor}
        print(json.dumps({**told, "found": [asdict(one) for one in found]}))
    elif found:
        _print_found(searched, data.metric)
        print(f"{len(found)} cell{'s' if len(found) > 1 else ''} trained: {options.run / 'report.html'}")
        print(f"The best: presage generate {options.run / 'best'}")
    return 0 if found else 1


def _print_found(searched: SearchedCells, metric: str) -> None:
    """What was trained, with what was predicted before."""
    foretold = searched.predictor is not None
    ahead = ("predicted beside a GRU", "90 % interval") if foretold else ()
    lines = []
    for one in searched.found[:_SHOWN]:
        was = one.predicted or {}
        before = (beside(was.get("value")), beside(was.get("lower"), was.get("upper"))) if foretold else ()
        after = (f"{one.value:.3f}", f"{one.test_value:.3f}", f"{one.parameters:,}", f"{one.seconds:.1f}")
        lines.append((named(one.cell), *before, *after))
    print(table(("cell", *ahead, f"{metric.replace('_', ' ')}, trained", "test", "parameters", "seconds"), lines))
    if searched.predictor is not None:
        print(f"{searched.candidates} candidates scored. {_of_predictor(searched.predictor)}")


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
    "predict": Action(
        "predict cells, train none",
        "Predict recurrent cells on a text, of which only the probe is trained.",
        _predict,
        _predict_arguments,
    ),
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
