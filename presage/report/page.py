"""`write_report`: the run folder's results as one HTML page without scripts, fonts or anything from a network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.comparison import comparison
from presage.errors import InvalidArgument, UnknownName, WrongInput
from presage.files import replacing
from presage.output import scaled
from presage.report import plots
from presage.report.drawing import draw
from presage.report.supernet import supernet_section

if TYPE_CHECKING:
    from presage.architecture.spaces import Space

__all__ = ["write_report"]

MOST_DRAWN = 6
"""Short-listed networks that are drawn, the best first."""

PREDICTED = "predicted accuracy"

COSTS = {
    "parameters": ("parameters", "parameters", 1),
    "multiply_adds": ("multiply_adds", "multiply-adds for one image", 1),
    "activation_bytes": ("activation_bytes", "activation bytes for one image", 1),
    "latency": ("latency_seconds", "estimated latency, ms", 1000),
}
"""Objective → field of a chosen network, what a plot calls it, and what its numbers are multiplied by there."""

COLUMNS = ("network", "predicted", "trained", "test", "parameters", "multiply-adds", "seconds")

Json = Mapping[str, Any]


def write_report(run_folder: Path, space: Space | None = None) -> Path:
    """Write ``report.html`` into a run folder and give its path.

    Args:
        run_folder: of a finished search.
        space: that was searched; None finds it by its name, and leaves the search out where no space has that name.

    Raises:
        InvalidArgument: the folder holds no finished run.
    """
    result = _read(run_folder / "result.json")
    card = _read(run_folder / "card.json") if (run_folder / "card.json").exists() else None
    page = _page(run_folder, result, card, space)
    target = run_folder / "report.html"
    with replacing(target) as draft:
        draft.write_text(page, encoding="utf-8")
    return target


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidArgument("RUN", "presage report", "hold a finished run", str(path.parent)) from None
    except ValueError:
        raise WrongInput(f"{path} is not JSON. The run folder is damaged.") from None


def _page(folder: Path, result: Json, card: Json | None, space: Space | None) -> str:
    verified = [one for round_ in result["rounds"] for one in round_["verified"]]
    trained = sorted((one for one in verified if one["accuracy"] is not None), key=lambda one: -one["accuracy"])
    style = resources.files("presage.report").joinpath("report.css").read_text(encoding="utf-8")
    title = f"presage: {result['dataset']} in {result['space']}"
    sections = [
        _headline(result, trained),
        _difficulty(card) if card else "",
        _predicted_against_trained(result, verified),
        _search(folder, result, verified, space),
        supernet_section(folder, result),
        _short_list(result, verified),
        _drawings(folder, trained),
        _how_to_use(folder),
        _settings(result),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{''.join(sections)}</main></body></html>\n"
    )


def _headline(result: Json, trained: Sequence[Json]) -> str:
    if not trained:
        return "<p class='lead'>No short-listed network finished training.</p>"
    best = trained[0]
    chosen = best["chosen"]
    candidates = sum(round_["candidates"] for round_ in result["rounds"])
    tiles = [
        (f"{best['accuracy']:.3f}", "trained accuracy of the best network (validation)"),
        (
            f"{best['test_accuracy']:.3f}" if best["test_accuracy"] is not None else "–",
            "its test accuracy, computed once",
        ),
        (_interval(chosen), "what was predicted of it before"),
        (f"{candidates:,}", f"candidates scored; {len(trained)} trained fully"),
    ]
    if result["baseline_mean"] is not None:
        best_random = max(one["accuracy"] for one in result["baseline"] if one["accuracy"] is not None)
        text = f"best of {len(result['baseline'])} random networks, mean {result['baseline_mean']:.3f}; "
        text += f"the short-list's best {best['accuracy']:.3f}, mean {result['shortlist_mean']:.3f}"
        tiles.append((f"{best_random:.3f}", text))
    boxes = "".join(
        f"<div class='tile'><b>{escape(value)}</b><span>{escape(text)}</span></div>" for value, text in tiles
    )
    lines = [*_compared(result)[1:], *result.get("notes", ())]
    return f"<div class='tiles'>{boxes}</div>" + "".join(f"<p class='lead'>{escape(line)}</p>" for line in lines)


def _compared(result: Json) -> list[str]:
    """The short-list beside the random baseline, in words."""
    shortlist = [one["accuracy"] for round_ in result["rounds"] for one in round_["verified"]]
    return comparison(shortlist, [one["accuracy"] for one in result["baseline"]])


def _difficulty(card: Json) -> str:
    pairs = ", ".join(
        f"{escape(pair['first'])} and {escape(pair['second'])} ({pair['rate']:.0%})" for pair in card["confused"]
    )
    noise = card["noise"]
    rows = {
        "DCN": f"{card['dcn']:.3f}" + ("" if card["spread"] is None else f" ± {card['spread']:.3f} over seeds"),
        "chance": f"{card['chance']:.3f} with {card['classes']} classes",
        "confused classes": pairs or "none more than once",
        "suspected label noise": "not examined"
        if noise is None
        else f"{noise['share']:.1%} of {noise['examined']} images",
        "nearest known": ", ".join(f"{escape(near['name'])} ({near['dcn']:.3f})" for near in card["nearest"]) or "none",
    }
    listed = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
    plot = plots.difficulty_plot(card["name"], card["seed_dcns"], card["known_dcns"])
    return _section(
        "How hard is the dataset?", f"<table class='card'>{listed}</table><figure class='wide'>{plot}</figure>"
    )


def _predicted_against_trained(result: Json, verified: Sequence[Json]) -> str:
    series = {"short-list": _outcomes(verified), "random baseline": _outcomes(result["baseline"])}
    rows = [row for found in series.values() for row in found]
    if not rows:
        return ""
    level = next(one["chosen"]["level"] for one in [*verified, *result["baseline"]] if one["chosen"]["level"])
    scatter = plots.scatter_plot(series, level)
    curves = plots.learning_curves_plot({one["chosen"]["hash"][:8]: one["curve"] for one in verified})
    counts = [
        f"{sum(row['lower'] <= row['trained'] <= row['upper'] for row in found)} of {len(found)} of the {label}"
        for label, found in series.items()
        if found
    ]
    note = f"Trained accuracies within their {level:.0%} intervals: {', '.join(counts)}. All were predicted before."
    return _section(
        "Predicted against trained",
        f"<p>{note}</p><div class='pair'><figure>{scatter}</figure><figure>{curves}</figure></div>",
    )


def _outcomes(verified: Sequence[Json]) -> list[dict[str, float]]:
    """Prediction and trained accuracy of the networks that have both."""
    return [
        {**{name: one["chosen"][name] for name in ("predicted", "lower", "upper")}, "trained": one["accuracy"]}
        for one in verified
        if one["accuracy"] is not None and one["chosen"]["predicted"] is not None
    ]


def _search(folder: Path, result: Json, verified: Sequence[Json], space: Space | None) -> str:
    from presage.architecture.spaces import get_space
    from presage.search.run.engine import load_candidates

    try:
        space = get_space(result["space"]) if space is None else space
    except UnknownName:  # a space of the user's own
        return ""
    found = [load_candidates(folder, space, round_["round_number"]) for round_ in result["rounds"]]
    values = [float(value) for candidates in found for value in candidates.value if value == value]
    if not values:
        return ""
    weighed = next((name for name in result["settings"]["objectives"] if name != "accuracy"), "multiply_adds")
    field, label, unit = COSTS[weighed]
    cost = [unit * float(each) for candidates in found for each in candidates.cost(weighed)[candidates.unique]]
    best = [float(value) for candidates in found for value in candidates.value[candidates.unique]]
    name = _score(result)
    marks = [
        (unit * one["chosen"][field], one["chosen"]["predicted"] if name == PREDICTED else one["chosen"]["score"])
        for one in verified
    ]
    front = plots.pareto_plot(cost, best, marks, label, name)
    distinct = sum(round_["different"] for round_ in result["rounds"])
    note = (
        f"{len(values):,} candidates, {distinct:,} different networks, by {escape(result['strategy'])}; scored by "
        f"{escape(result.get('score', PREDICTED))}."
    )
    history = plots.search_plot(values, name)
    return _section(
        "The search, on predictions" if name == PREDICTED else f"The search, on {name}",
        f"<p>{note}</p><div class='pair'><figure>{history}</figure><figure>{front}</figure></div>",
    )


def _score(result: Json) -> str:
    """What the candidates' values are, as plots call it: never an accuracy where none was predicted."""
    asked = result["settings"].get("score", "predicted")
    return PREDICTED if asked in ("predicted", "ucb") else str(asked)


def _short_list(result: Json, verified: Sequence[Json]) -> str:
    head = f"<tr>{''.join(f'<th>{name}</th>' for name in COLUMNS)}</tr>"
    rows = "".join(_row(one) for one in sorted(verified, key=lambda one: -(one["accuracy"] or 0)))
    tail = ""
    if result["baseline_mean"] is not None and result["shortlist_mean"] is not None:
        baseline = sorted(result["baseline"], key=lambda one: -(one["accuracy"] or 0))
        tail = (
            f"<h3>Random baseline</h3><p>{escape(' '.join(_compared(result)))} All were trained with the same recipe."
            f"</p><details><summary>all of them</summary>"
            f"<table>{head}{''.join(_row(one) for one in baseline)}</table></details>"
        )
    return _section("The short-list, trained", f"<table>{head}{rows}</table>{_latencies(result, verified)}{tail}")


def _latencies(result: Json, verified: Sequence[Json]) -> str:
    """Estimated and measured latency of the short-list, and what the estimates rest on."""
    if result.get("latency") is None:
        return ""
    rows = []
    for one in verified:
        seconds = [one["chosen"].get(name) for name in ("latency_seconds", "measured_latency_seconds")]
        shown = ["" if value is None else f"{1000 * value:.2f}" for value in seconds]
        cells = [f"<code>{escape(one['chosen']['hash'][:8])}</code>", *shown]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "<tr><th>network</th><th>ms estimated</th><th>ms measured</th></tr>"
    return f"<h3>Latency</h3><p>{escape(result['latency'])}</p><table>{head}{''.join(rows)}</table>"


def _row(one: Json) -> str:
    chosen = one["chosen"]
    outcome = one["status"] if one["accuracy"] is None else f"{one['accuracy']:.3f}"
    test = "" if one["test_accuracy"] is None else f"{one['test_accuracy']:.3f}"
    cells = [
        f"<code>{escape(chosen['hash'][:8])}</code>" + (" (reused)" if one["reused"] else ""),
        _interval(chosen),
        outcome,
        test,
        scaled(chosen["parameters"]),
        scaled(chosen["multiply_adds"]),
        f"{one['seconds']:.1f}",
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _interval(chosen: Json) -> str:
    if chosen["predicted"] is None:
        return f"{chosen['score_name']} {chosen['score']:.4g}" if chosen.get("score") is not None else ""
    return f"{chosen['predicted']:.3f} [{chosen['lower']:.3f}, {chosen['upper']:.3f}]"


def _drawings(folder: Path, trained: Sequence[Json]) -> str:
    from presage.architecture.serial import from_json
    from presage.search.run.run_folder import RunFolder

    parts = []
    for one in trained[:MOST_DRAWN]:
        path = RunFolder(folder).network(one["chosen"]["hash"]) / "architecture.json"
        if not path.exists():
            continue
        described = _read(path)
        picture = draw(from_json(described["architecture"]), described["input_shape"], len(described["classes"]))
        caption = f"<code>{escape(one['chosen']['hash'][:8])}</code>: trained {one['accuracy']:.3f}"
        parts.append(f"<figure class='network'><figcaption>{caption}</figcaption>{picture}</figure>")
    return _section("The networks", f"<div class='networks'>{''.join(parts)}</div>") if parts else ""


def _how_to_use(folder: Path) -> str:
    from presage.search.run.export import ARCHITECTURE, how_to_use
    from presage.search.run.run_folder import RunFolder

    best = RunFolder(folder).best
    if not (best / ARCHITECTURE).exists():
        return ""
    return _section("Use the best network", f"<p>In this run folder:</p><pre>{escape(how_to_use(best))}</pre>")


def _settings(result: Json) -> str:
    text = escape(json.dumps(result["settings"], indent=2))
    return f"<details><summary>What was asked for</summary><pre>{text}</pre></details>"


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"
